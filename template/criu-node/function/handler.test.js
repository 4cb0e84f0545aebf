'use strict'
const test = require('node:test')
const assert = require('node:assert')
const handler = require('./handler')

test('greets by name', async () => {
  let answer
  const context = {
    status () { return this },
    headers () { return this },
    succeed (value) { answer = value }
  }
  await handler({ query: { name: 'Ada' }, path: '/' }, context)
  assert.strictEqual(answer.message, 'Hello, Ada!')
})
