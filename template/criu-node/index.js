'use strict'
// HTTP server of one function: Express in front of function/handler.js.
//
//   module.exports = async (event, context[, callback]) => …
//
// See the README of the templates. Settings, all from the environment:
//
//   http_port       port on 127.0.0.1 (3000)
//   RAW_BODY        true: event.body is a Buffer, whatever the content type
//   MAX_RAW_SIZE    largest body that is not JSON (100kb)
//   MAX_JSON_SIZE   largest JSON body (100kb)
//   function_dir    directory of handler.js (./function beside this file)
//
// The process is made to be checkpointed between two requests: it keeps no
// file open and logs to standard output and error only.
const path = require('path')
const express = require('express')
const hooks = require('./snapshot-hooks')

class FunctionEvent {
  constructor (request) {
    this.body = request.body
    this.headers = request.headers
    this.method = request.method
    this.query = request.query
    this.path = request.path
  }
}

class FunctionContext {
  // finish(error, value) sends the answer; the first call counts.
  constructor (finish) {
    this.statusCode = 200
    this.headerValues = {}
    this.cb = finish
    this.cbCalled = 0
  }

  // status() is the status; status(code) sets it.
  status (code) {
    if (!code) return this.statusCode
    this.statusCode = code
    return this
  }

  // headers() are the headers; headers(object) sets them.
  headers (values) {
    if (!values) return this.headerValues
    this.headerValues = values
    return this
  }

  succeed (value) {
    this.cbCalled++
    this.cb(undefined, value)
  }

  fail (error) {
    if (Number(this.statusCode) === 200) this.statusCode = 500
    this.cbCalled++
    this.cb(error)
  }
}

// answering returns the finish(error, value) of one response.
function answering (response) {
  return function finish (context, error, value) {
    if (response.headersSent) return
    if (error) {
      console.error(error)
      if (Number(context.statusCode) === 200) context.statusCode = 500
      value = String(error)
    }
    response.set(context.headers()).status(Number(context.status())).send(value)
  }
}

function invoke (handler) {
  return async (request, response) => {
    const finish = answering(response)
    const context = new FunctionContext((error, value) => finish(context, error, value))
    try {
      const result = handler(new FunctionEvent(request), context, context.cb)
      // A plain function that takes the callback may call it later.
      if (result === undefined && handler.length > 2) return
      const value = await result
      if (!context.cbCalled) context.succeed(value)
    } catch (error) {
      finish(context, error || new Error(String(error)))
    }
  }
}

function parsers (environment) {
  const raw = environment.MAX_RAW_SIZE || '100kb'
  if (environment.RAW_BODY === 'true') {
    return [express.raw({ type: () => true, limit: raw })]
  }
  return [
    express.json({ limit: environment.MAX_JSON_SIZE || '100kb' }),
    express.urlencoded({ extended: true, limit: raw }),
    express.text({ type: ['text/*', 'application/xml', 'application/*+xml'], limit: raw }),
    express.raw({ type: () => true, limit: raw })
  ]
}

function snapshotHook (run) {
  return async (request, response) => {
    try {
      await run()
      response.end()
    } catch (error) {
      console.error(error)
      response.status(500).end()
    }
  }
}

// application returns the Express application of one handler.
function application (handler, environment = process.env) {
  const app = express()
  app.disable('x-powered-by')
  app.all('/_/snapshot/before-checkpoint', snapshotHook(hooks.runBeforeCheckpoint))
  app.all('/_/snapshot/after-restore', snapshotHook(hooks.runAfterRestore))
  app.use((request, response, next) => {
    // Without a content type no parser would touch the body.
    if (!request.headers['content-type']) request.headers['content-type'] = 'text/plain'
    next()
  })
  app.use(parsers(environment))
  app.use(invoke(handler))
  app.use((error, request, response, next) => {
    console.error(error)
    const status = error.status || 500
    response.status(status).type('text').send(status < 500 ? String(error.message) : 'Internal Server Error')
  })
  return app
}

function port (text) {
  if (text === undefined || text === '') return 3000
  const value = Number(text)
  if (Number.isInteger(value) && value > 0 && value < 65536) return value
  console.error(`http_port must be a port number, not "${text}"`)
  process.exit(1)
}

function main () {
  const directory = process.env.function_dir || path.join(__dirname, 'function')
  const server = application(require(path.resolve(directory, 'handler'))).listen(port(process.env.http_port), '127.0.0.1')
  // The watchdog closes its connections; none must end under a request of it.
  server.keepAliveTimeout = 0
}

if (require.main === module) main()

module.exports = { application }
