-- What wrk asks for: /?talktome, or a mail to an address that nobody has asked for before.
-- The last line of the output is for benchmarks/wrk.py.

local target, number

function init(arguments)
  target, number = arguments[1], tonumber(arguments[2])
end

function request()
  if not number then
    return wrk.format("GET", target)
  end
  number = number + 1
  return wrk.format("GET", target .. number .. "@example.com")
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
