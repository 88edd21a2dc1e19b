-- Sends a wrong password for the users in the file PATHS: one hash per request, and nothing changes.
local paths = {}
for path in io.lines(os.getenv('PATHS')) do paths[#paths + 1] = path end
math.randomseed(1)
wrk.headers['Content-Type'] = 'application/json'
function request() return wrk.format('DELETE', paths[math.random(#paths)], nil, '{"password":"not my password"}') end
