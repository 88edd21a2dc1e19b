-- Requests the paths in the file PATHS in random order.
local paths = {}
for path in io.lines(os.getenv('PATHS')) do paths[#paths + 1] = path end
math.randomseed(1)
function request() return wrk.format('GET', paths[math.random(#paths)]) end
