'use strict'
const test = require('node:test')
const assert = require('node:assert')
const { greeting } = require('./handler')

// A build lays a function over this sample: without a handler.test.js of its
// own it would be tested by this one.
test('greets by name', { skip: !greeting }, () => {
  assert.strictEqual(greeting('Ada'), 'Hello, Ada!')
  assert.strictEqual(greeting(), 'Hello, world!')
})
