'use strict'

module.exports = async (event, context) => {
  const name = event.query.name || 'world'
  return context
    .status(200)
    .headers({ 'Content-Type': 'application/json' })
    .succeed({ message: `Hello, ${name}!`, path: event.path })
}
