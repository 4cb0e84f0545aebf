'use strict'
// What a function does around a snapshot of its process.
//
//   const { beforeCheckpoint, afterRestore } = require('../snapshot-hooks')
//   afterRestore(async () => { pool = await connect() })
//
// The process also lives on after a checkpoint, so whatever a beforeCheckpoint
// hook closes must be opened again on demand. Hooks run in the order in which
// they were registered, each awaited. One that throws or rejects stops the
// round: the checkpoint is cancelled, or the restored process is discarded.
const random = require('./snapshot-random')

const before = []
const after = []

async function run (list) {
  for (const hook of list) await hook()
}

module.exports = {
  beforeCheckpoint: hook => { before.push(hook) },
  afterRestore: hook => { after.push(hook) },

  async runBeforeCheckpoint () {
    await run(before)
    // Only with --expose-gc; garbage would be stored, and collected by every restore.
    if (global.gc) global.gc()
  },

  // Makes the random sources of this restore its own, then runs the hooks.
  async runAfterRestore () {
    if (!random.isKept()) random.reseed()
    await run(after)
  }
}
