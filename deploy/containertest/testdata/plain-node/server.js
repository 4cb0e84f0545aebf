// A server of somebody's own, without any template.
const http = require('http')
let count = 0
http.createServer((request, response) => {
  count++
  console.log('plain request', count)
  response.end(JSON.stringify({ count }))
}).listen(9000)
