// A worker image without a model: it ends as the job says. The variable TOY in spec.worker.env is
// read from the plan, by role: { "supervise": { "seconds": 2, "exit": 70, "words": { … } } }.
// Without it each role does what a good worker would tell.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const role = process.argv[2] ?? '';
const plan = JSON.parse(readFileSync('/etc/anneal/plan/plan.json', 'utf8'));
const script = plan.spec.worker.env?.find(({ name }) => name === 'TOY')?.value ?? '{}';
const { seconds = 1, exit = 0, words } = JSON.parse(script)[role] ?? {};

const facts = {
  kind: 'decoder',
  ...{ V: 64, H: 8, L: 2, NH: 2, NK: 1, D: 4, I: 16, tied: true, fused: false },
  ...{ bias: { qkv: false, o: false, mlp: false }, qkNorm: false, sandwichNorms: false },
};
const good = {
  prepare: {
    prepared: {
      model: { digest: 'sha256:toy', family: 'Toy', format: 'GGUF', facts },
      dataset: {
        ...{ digest: 'toy', samples: 3, tokens: 30, targetTokens: 20, skipped: 1 },
        ...{ sequences: 3, longest: 10 },
      },
    },
  },
  supervise: { finished: { reason: 'Finished', step: 24 } },
  publish: {
    published: { artifacts: [{ type: 'PEFTAdapter', uri: 'pvc://demo/first', bytes: 12 }] },
  },
};

if (role === 'supervise') createServer((_, response) => response.end('ok')).listen(9400);
process.on('SIGTERM', () => end(75, {}));
writeFileSync(
  `${process.env.ANNEAL_CACHE.startsWith('/volumes') ? '/tmp' : process.env.ANNEAL_CACHE}/toy`,
  role,
);
setTimeout(() => end(exit, words ?? (exit === 0 ? good[role] : {})), seconds * 1000);

function end(code, last) {
  writeFileSync('/dev/termination-log', JSON.stringify({ v: 1, ...last }));
  process.exit(code);
}
