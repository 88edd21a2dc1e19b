-- Asks who is signed in, with the tokens in the file TOKENS, in a random order of its own.
local tokens = {}
for token in io.lines(os.getenv('TOKENS')) do tokens[#tokens + 1] = token end
math.randomseed(1)
function request()
  return wrk.format('GET', '/api/session', { Authorization = 'Bearer ' .. tokens[math.random(#tokens)] })
end
