# The idempotency key: plant/integration/line/epoch/seq, by business fields only: never a release, a pod or a clock.
# Found by pattern, because a telegram that is cut off or no JSON at all needs a key and an acknowledgement too.
def number(name): property("telegram") | capture("\"" + name + "\"\\s*:\\s*(?<n>[0-9]{1,9})") | .n | tonumber | tostring;

number("seq") as $seq
| ([number("epoch")][0] // "0") as $epoch
| [property("plant"), property("integration"), property("line"), $epoch, $seq] | join("/")
