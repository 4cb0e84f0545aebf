import unittest

import handler


class HandlerTest(unittest.TestCase):
    # A build lays a function over this sample: without a test_handler.py of
    # its own it would be tested by this one.
    @unittest.skipUnless(hasattr(handler, "greeting"), "not the sample's handler")
    def test_greets_by_name(self):
        self.assertEqual(handler.greeting("Ada"), "Hello, Ada!")
        self.assertEqual(handler.greeting(None), "Hello, world!")


if __name__ == "__main__":
    unittest.main()
