-- Signs in the COUNT users of bench/seed.rs, one after the other, with the right password.
local count, number = tonumber(os.getenv('COUNT')), 0
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
function request()
  local email = string.format('person.%d@mail%d.example.org', number % count, number % count % 100)
  number = number + 1
  return wrk.format(nil, '/api/login', nil, string.format('{"email":"%s","password":"correct horse battery"}', email))
end
