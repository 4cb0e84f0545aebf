'use strict'

module.exports = async (event, context) => {
  return context
    .status(200)
    .headers({ 'Content-Type': 'application/json' })
    .succeed({ message: greeting(event.query.name), path: event.path })
}

function greeting (name) {
  return `Hello, ${name || 'world'}!`
}

module.exports.greeting = greeting
