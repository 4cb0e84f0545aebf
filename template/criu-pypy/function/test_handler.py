import unittest
from types import SimpleNamespace

from handler import handle


class HandlerTest(unittest.TestCase):
    def test_greets_by_name(self):
        event = SimpleNamespace(query={"name": "Ada"}, path="/")
        self.assertEqual(handle(event, None)["body"]["message"], "Hello, Ada!")


if __name__ == "__main__":
    unittest.main()
