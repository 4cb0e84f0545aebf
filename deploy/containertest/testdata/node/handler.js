'use strict'
// Says which request it is, and what every source of random numbers gives.
const crypto = require('crypto')
const tls = require('tls')
const { Duplex } = require('stream')
const { afterRestore } = require('../snapshot-hooks')

const state = { count: 0, restores: 0 }
afterRestore(() => { state.restores++ })

// The first message of a TLS handshake: it holds the client's random number
// and its half of the key exchange.
function clientHello () {
  return new Promise(resolve => {
    const wire = new Duplex({
      read () {},
      write (data, encoding, done) {
        resolve(crypto.createHash('sha256').update(data).digest('hex'))
        done()
      }
    })
    tls.connect({ socket: wire, servername: 'example.org' }).on('error', () => {})
  })
}

module.exports = async (event, context) => {
  state.count++
  console.log('function request', state.count)
  return {
    ...state,
    random: Math.random(),
    uuid: crypto.randomUUID(),
    integer: crypto.randomInt(2 ** 47),
    openssl: crypto.randomBytes(16).toString('hex'),
    tls: await clientHello()
  }
}
