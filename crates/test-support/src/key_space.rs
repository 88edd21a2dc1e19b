//! Full control of a server's key space: restore an image, run a raw message, read everything, each in one round trip.
//! Nothing else may write to the server meanwhile.

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::database_image::{DatabaseImage, KeyContent};
use super::fault_proxy::read_frame;

/// Lists everything below a prefix as JSON. `KEYS` is acceptable here: there are a dozen keys, and no other client.
const DUMP_SCRIPT: &str = "
local function hex(text) return (string.gsub(text, '.', function(char) return string.format('%02x', string.byte(char)) end)) end
local all = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do if string.sub(key, -7) ~= '}:store' then
  local kind, what = redis.call('TYPE', key).ok, nil
  if kind == 'hash' then what = redis.call('HGETALL', key)
  elseif kind == 'string' then what = {redis.call('GET', key)}
  elseif kind == 'stream' then
    what = {}
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
      local fields, values = entry[2], {}
      for i = 2, #fields, 2 do values[#values + 1] = fields[i - 1] == 'user' and hex(fields[i]) or fields[i] end
      what[#what + 1] = table.concat(values, ' ')
    end
  else what = redis.call('ZRANGE', key, 0, -1) end
  if string.find(key, ':sessions:', 1, true) then
    for i = 1, #what do what[i] = hex(what[i]) end
  end
  all[#all + 1] = {key, kind, what}
end end
return cjson.encode(all)";

/// Deletes everything but the id of the store, in `meta` and in the one mark that a single server is asked for: the
/// stores that are connected would refuse an emptied server. The store counts as not yet marked afterwards.
const FLUSH_SCRIPT: &str = "
local id = redis.call('HGET', 'userd:meta', 'id')
redis.call('FLUSHDB')
if id then
  redis.call('HSET', 'userd:meta', 'id', id)
  redis.call('SET', 'userd:{000}:store', id)
end
return 'OK'";

/// The prefix of account keys; `userd:meta` does not have it.
const ACCOUNT_KEYS: &str = "userd:{*";

/// See the module's documentation.
pub struct KeySpace {
    to: OwnedWriteHalf,
    from: BufReader<OwnedReadHalf>,
    dump_request: Vec<u8>,
    replaced: Option<ReplacedScript>,
}

/// A script that runs in place of another.
struct ReplacedScript {
    right: Vec<u8>,
    wrong: Vec<u8>,
    times: usize,
}

impl KeySpace {
    /// The key space of the server at `port`.
    pub async fn of(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server takes connections");
        stream.set_nodelay(true).expect("an option of every socket");
        let (from, to) = stream.into_split();
        let dump_request = message(&["EVAL", DUMP_SCRIPT, "0", ACCOUNT_KEYS]);
        Self { to, from: BufReader::new(from), dump_request, replaced: None }
    }

    /// From now on the script `wrong` runs in place of `right`: a negative control of the tests themselves.
    pub async fn replace_script(&mut self, right: &str, wrong: &str) {
        assert_ne!(right, wrong, "the control breaks something");
        let mut digests = Vec::new();
        for text in [right, wrong] {
            let answer = self.round_trip(&message(&["SCRIPT", "LOAD", text])).await;
            digests.push(body(&answer).to_vec());
        }
        let (wrong, right) = (digests.pop().expect("two"), digests.pop().expect("two"));
        self.replaced = Some(ReplacedScript { right, wrong, times: 0 });
    }

    /// How often the broken script has run.
    pub fn replaced_runs(&self) -> usize {
        self.replaced.as_ref().map_or(0, |replaced| replaced.times)
    }

    /// Makes `image` the server's only content about accounts.
    pub async fn restore(&mut self, image: &DatabaseImage) {
        let (batch, count) = restore_batch(image);
        self.send(&batch, count).await;
    }

    /// Runs one message as from a client.
    pub async fn run(&mut self, request: &[u8]) -> Vec<u8> {
        let request = self.substituted(request);
        self.round_trip(&request).await
    }

    /// Everything that is stored.
    pub async fn image(&mut self) -> DatabaseImage {
        let dump_request = self.dump_request.clone();
        let answer = self.round_trip(&dump_request).await;
        parse_image(&answer)
    }

    /// Restores `before` if given, runs one message, and returns its answer and the new content.
    pub async fn step(&mut self, before: Option<&DatabaseImage>, request: &[u8]) -> (Vec<u8>, DatabaseImage) {
        let (mut batch, count) = before.map(restore_batch).unwrap_or_default();
        batch.extend(self.substituted(request));
        batch.extend_from_slice(&self.dump_request);
        let mut answers = self.send(&batch, count + 2).await;
        let image = parse_image(&answers.pop().expect("a look"));
        (answers.pop().expect("an answer"), image)
    }

    fn substituted(&mut self, request: &[u8]) -> Vec<u8> {
        let mut request = request.to_vec();
        if let Some(replaced) = &mut self.replaced
            && let Some(at) = request.windows(replaced.right.len()).position(|part| part == replaced.right)
        {
            request[at..at + replaced.wrong.len()].copy_from_slice(&replaced.wrong);
            replaced.times += 1;
        }
        request
    }

    async fn round_trip(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(request, 1).await.remove(0)
    }

    async fn send(&mut self, batch: &[u8], count: usize) -> Vec<Vec<u8>> {
        self.to.write_all(batch).await.expect("the server reads");
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            let answer = read_frame(&mut self.from).await.expect("the server answers");
            assert_ne!(answer[0], b'-', "{}", String::from_utf8_lossy(&answer));
            answers.push(answer);
        }
        answers
    }
}

fn restore_batch(image: &DatabaseImage) -> (Vec<u8>, usize) {
    let (mut batch, mut count) = (message(&["EVAL", FLUSH_SCRIPT, "0"]), 1);
    for command in image.iter().flat_map(|(key, content)| content.restore_commands(key)) {
        batch.extend(message(&command));
        count += 1;
    }
    (batch, count)
}

fn parse_image(answer: &[u8]) -> DatabaseImage {
    // An empty Lua table is an object to cjson.
    if body(answer) == b"{}" {
        return DatabaseImage::new();
    }
    let keys: Vec<(String, String, Vec<String>)> = serde_json::from_slice(body(answer)).expect("what LOOK writes");
    keys.into_iter().map(|(key, kind, parts)| (key, KeyContent::of(&kind, parts))).collect()
}

/// A command in wire format.
fn message(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend([word, b"\r\n"].concat());
    }
    bytes
}

/// The text of a string answer.
fn body(answer: &[u8]) -> &[u8] {
    let start = answer.windows(2).position(|part| part == b"\r\n").map_or(0, |at| at + 2);
    answer[start..].trim_ascii_end()
}
