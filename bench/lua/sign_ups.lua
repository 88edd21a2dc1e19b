-- Signs up a new user with each request. TAG keeps runs apart.
local tag, number = os.getenv('TAG'), 0
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
function request()
  number = number + 1
  local body = string.format('{"name":"Ada Lovelace","email":"%s-%d@example.org","password":"correct horse battery"}', tag, number)
  return wrk.format(nil, '/api/users', nil, body)
end
local other = 0
function response(status) if status ~= 200 then other = other + 1 end end
