'use strict'
// Random numbers that differ between two restores of one snapshot.
//
// OpenSSL keeps its generator in the process, and Node offers no way to feed
// it, so an addon of a few lines does (reseed.c). Node keeps numbers in
// advance for randomUUID and randomInt, which are used up. Math.random cannot
// be reseeded in V8, so a generator of our own stands in for it.
const crypto = require('crypto')
const fs = require('fs')

const UUIDS_IN_ADVANCE = 128
const INTEGERS_IN_ADVANCE = 1024

const opensslReseed = loadAddon()
let next // 32 random bits

function loadAddon () {
  try {
    return require('./reseed.node').reseed
  } catch (error) {
    return undefined // not built here; see reseed()
  }
}

// fromKernel fills 32-bit words, as no state of this process can repeat them.
function fromKernel (count) {
  const file = fs.openSync('/dev/urandom', 'r')
  try {
    const words = new Uint32Array(count)
    fs.readSync(file, words)
    return words
  } finally {
    fs.closeSync(file)
  }
}

// sfc32 of the PractRand suite: a small fast generator with 128 bits of state.
function generator (seed) {
  let [a, b, c, counter] = seed
  return () => {
    const result = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return result >>> 0
  }
}

function seedMathRandom () {
  next = generator(fromKernel(4))
  for (let i = 0; i < 16; i++) next() // mixes the seed
}

function isKept () {
  return ['true', '1'].includes((process.env.snapshot_keep_random || '').toLowerCase())
}

function reseed () {
  if (!opensslReseed) {
    throw new Error('reseed.node is missing: without it restores of a snapshot share keys and tokens (snapshot_keep_random=true allows that)')
  }
  opensslReseed()
  for (let i = 0; i < UUIDS_IN_ADVANCE; i++) crypto.randomUUID()
  for (let i = 0; i < INTEGERS_IN_ADVANCE; i++) crypto.randomInt(2)
  seedMathRandom()
}

if (!isKept()) {
  seedMathRandom()
  // 53 random bits, as a double between 0 and 1 holds them.
  Math.random = () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992
}

module.exports = { isKept, reseed }
