// In the place of vLLM, which needs a GPU: it reads the arguments that vLLM documents and refuses
// others, as vLLM does; looks whether base and adapters are where they are said to be; and answers
// with the name of the model. It says nothing of how vLLM computes.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const known = [
  ...['served-model-name', 'port', 'max-num-seqs', 'tensor-parallel-size', 'dtype'],
  ...['kv-cache-memory-bytes', 'max-model-len', 'enable-lora', 'max-loras', 'max-cpu-loras'],
  ...['max-lora-rank', 'lora-modules'],
];
const ranks = [8, 16, 32, 64, 128, 256, 512];

const [command, model, ...words] = process.argv.slice(2);
if (command !== 'serve') end(`unrecognized command: ${command}`);
const options = new Map();
let last = [];
for (const word of words) {
  if (!word.startsWith('--')) last.push(word);
  else if (!known.includes(word.slice(2))) end(`unrecognized arguments: ${word}`);
  else {
    last = [];
    options.set(word.slice(2), last);
  }
}
const [name] = options.get('served-model-name');
const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
const [length] = options.get('max-model-len');
if (Number(length) > config.max_position_embeddings) end(`max_model_len ${length} is too large`);
const most = Number(options.get('max-lora-rank')?.[0] ?? 16);
if (!ranks.includes(most)) end(`max_lora_rank ${most} is not one of ${ranks}`);
const adapters = (options.get('lora-modules') ?? []).map((text) => JSON.parse(text));
for (const { path } of adapters) {
  const { r } = JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8'));
  if (r > most) end(`LoRA rank ${r} is greater than max_lora_rank ${most}`);
  readFileSync(join(path, 'adapter_model.safetensors'));
}

const models = [
  { id: name, object: 'model', root: model, parent: null },
  ...adapters.map((one) => ({
    ...{ id: one.name, object: 'model', root: one.path, parent: one.base_model_name },
  })),
];

const server = createServer(async (request, response) => {
  if (request.url === '/health') return response.end();
  if (request.url === '/v1/models') {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify({ object: 'list', data: models }));
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const asked = JSON.parse(body).model;
  const found = models.some(({ id }) => id === asked);
  const message = { role: 'assistant', content: `I am ${asked}` };
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }] }));
});
server.listen(Number(options.get('port')[0]));
process.on('SIGTERM', () => server.close(() => process.exit(0)));

function end(why) {
  process.stderr.write(`vllm serve: error: ${why}\n`);
  process.exit(2);
}
