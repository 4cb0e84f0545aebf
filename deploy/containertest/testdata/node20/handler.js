'use strict'
// Written for OpenFaaS's node20 template; runs on criu-node unchanged.

module.exports = async (event, context, callback) => {
  switch (event.path) {
    case '/text':
      return 'plain'
    case '/value':
      return { value: event.query.name }
    case '/nothing':
      return
    case '/callback':
      return callback(undefined, { called: 'back' })
    case '/fail':
      return context.fail('it failed')
    case '/throw':
      throw new Error('it threw')
    case '/binary':
      return context.headers({ 'Content-Type': 'application/x-thing' }).succeed(Buffer.from([1, 2, 3, 255]))
    case '/late':
      return new Promise(resolve => setTimeout(() => resolve(context.status(201).succeed('late')), 20))
  }
  const result = {
    body: Buffer.isBuffer(event.body) ? { raw: event.body.toString() } : event.body,
    method: event.method,
    path: event.path,
    type: event.headers['content-type']
  }
  return context
    .status(202)
    .headers({ 'X-Handler': 'node20', 'Content-Type': 'application/json' })
    .succeed(result)
}
