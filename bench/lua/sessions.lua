-- Checks the sessions of the tokens in the file TOKENS in random order.
local tokens = {}
for token in io.lines(os.getenv('TOKENS')) do tokens[#tokens + 1] = token end
math.randomseed(1)
function request()
  return wrk.format('GET', '/api/session', { Authorization = 'Bearer ' .. tokens[math.random(#tokens)] })
end
