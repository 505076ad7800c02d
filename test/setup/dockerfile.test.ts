import { readFile } from 'node:fs/promises';
import test from 'ava';
import { parts } from '../../charts/images/parts.ts';
import { settingsOf } from './dockerfile.ts';

const dockerfile = `ARG NODE=24
FROM debian AS base
ENV A=1
USER 10001:10001
WORKDIR /app
FROM base AS one
ENV B=2 \\
  A=3
ENTRYPOINT ["node", "one.js"]
FROM base AS two
USER 5
`;

test('a stage is started as it says, and as the stage that it begins from', (t) => {
  t.deepEqual(settingsOf(dockerfile, 'one'), {
    ...{ env: { A: '3', B: '2' }, user: '10001:10001', folder: '/app', entry: ['node', 'one.js'] },
  });
});

test('a stage without an entry point, and one that is not there, are errors', (t) => {
  t.throws(() => settingsOf(dockerfile, 'two'), { message: /two of the Dockerfile has no ENTRY/ });
  t.throws(() => settingsOf(dockerfile, 'six'), { message: 'the Dockerfile has no stage six' });
});

test('the images run as nobody in particular, and begin with programs that their files hold', async (t) => {
  const text = await readFile(new URL('../../charts/images/Dockerfile', import.meta.url), 'utf8');
  for (const [name, { entries }] of Object.entries(parts)) {
    for (const stage of name === 'worker' ? ['worker', 'worker-cuda'] : [name]) {
      const { env, user, entry } = settingsOf(text, stage);
      t.is(user, '10001:10001');
      t.is(env['NVIDIA_VISIBLE_DEVICES'], 'void', 'devices come from a request of the pod alone');
      const program = entry.at(-1)?.replace(/^\/app\/(.*)\.js$/, '$1.ts') ?? '';
      t.true((entries as readonly string[]).includes(program), `${stage} begins with ${program}`);
    }
  }
});
