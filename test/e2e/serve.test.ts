// The real `anneal serve` on a toy and an adapter that was trained on it, asked by OpenAI's client
// and by hostile ones.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import OpenAI, { APIError } from 'openai';
import { servedAdapters } from '../../crds/serve/served-adapters.ts';
import { annealServe } from '../builders/anneal-serve.ts';
import { aToyRun } from '../builders/toy-run.ts';

const command = join(import.meta.dirname, '../../cli/anneal.mjs');
const messages = [{ role: 'user', content: 'what is 3 and 5' }] as const;

interface Served extends Awaited<ReturnType<typeof annealServe>> {
  readonly client: OpenAI;
  readonly adapter: string;
  /** Folder that is looked at for more adapters. */
  readonly more: string;
}

/** A toy with an adapter that it trained, served as `toy` and `tuned`. */
async function serve(t: ExecutionContext, others: readonly string[] = []): Promise<Served> {
  const training = { maxSteps: 4, learningRate: '0.05' };
  const run = await aToyRun(t, { name: 'tuned', method: { preset: 'LoRA' }, training });
  await run.all();
  const adapter = join(run.destination, 'adapter');
  const more = join(run.folder, 'more');
  await mkdir(more);
  const words = [join(run.record.folder, 'model'), '--name', 'toy', '--threads', '1'];
  const named = ['--adapter', `tuned=${adapter}`, '--adapters', more];
  const served = await annealServe(t, run.record.cache, [...words, ...named, ...others]);
  const client = new OpenAI({ baseURL: served.url, apiKey: 'none', maxRetries: 0 });
  return { ...served, client, adapter, more };
}

async function errorOf(t: ExecutionContext, asked: Promise<unknown>): Promise<APIError> {
  const error = await t.throwsAsync(asked);
  if (error instanceof APIError) return error;
  throw new Error(`no error of the API: ${error}`);
}

test.serial(
  'OpenAI’s client is answered whole and in pieces, by the base and its adapter',
  async (t) => {
    const { client, origin, adapter, more, stop } = await serve(t, ['--stats']);
    t.deepEqual(
      (await client.models.list()).data.map(({ id }) => id),
      ['toy', 'tuned'],
    );
    const asked = { messages: [...messages], max_tokens: 12, temperature: 0 };
    const whole = await client.chat.completions.create({ model: 'toy', ...asked });
    const [choice] = whole.choices;
    t.is(choice?.message.role, 'assistant');
    const { usage } = whole;
    t.is(usage?.total_tokens, (usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    const stream = await client.chat.completions.create({ model: 'toy', ...asked, ...options });
    let text = '';
    let streamed: typeof usage;
    let finish: string | null | undefined;
    for await (const { choices, usage: used } of stream) {
      text += choices[0]?.delta.content ?? '';
      finish = choices[0]?.finish_reason ?? finish;
      streamed = used ?? streamed;
    }
    t.is(text, choice?.message.content ?? '');
    t.is(finish, choice?.finish_reason);
    t.deepEqual(streamed, usage);
    const tuned = await client.chat.completions.create({ model: 'tuned', ...asked });
    t.not(tuned.choices[0]?.message.content, text, 'the adapter says something else');
    const drawn = {
      model: 'toy',
      prompt: '3 and',
      max_tokens: 8,
      temperature: 2,
      top_p: 0.9,
      seed: 3,
    };
    const first = await client.completions.create(drawn);
    t.is((await client.completions.create(drawn)).choices[0]?.text, first.choices[0]?.text);
    const stopped = first.choices[0]?.text.slice(2, 4) ?? '';
    const short = await client.completions.create({ ...drawn, stop: stopped });
    t.is(short.choices[0]?.finish_reason, 'stop');
    t.false(short.choices[0]?.text.includes(stopped));

    // A folder that appears whole is an adapter within seconds, and the same one answers the same.
    await cp(adapter, join(more, '..', 'copy'), { recursive: true });
    await rename(join(more, '..', 'copy'), join(more, 'later'));
    while ((await client.models.list()).data.length < 3) await sleep(100);
    const later = await client.chat.completions.create({ model: 'later', ...asked });
    t.is(later.choices[0]?.message.content, tuned.choices[0]?.message.content);

    const { served, refused } = servedAdapters.parse(
      await (await fetch(`${origin}/adapters`)).json(),
    );
    t.deepEqual(
      served.map(({ load: _, ...one }) => one),
      [
        { name: 'tuned', folder: adapter },
        { name: 'later', folder: join(more, 'later') },
      ],
    );
    t.deepEqual(refused, []);
    const load = served.find(({ name }) => name === 'later')?.load;
    t.like(load, { open: 0, answers: 1 });
    t.true((load?.tokens ?? 0) > 0);

    const numbers = await (await fetch(`${origin}/metrics`)).text();
    t.regex(numbers, /^anneal_serve_tokens_total\{model="tuned",kind="made"\} [1-9]/m);
    t.regex(numbers, /^anneal_serve_requests_total\{status="200"\} 7$/m);

    // What is open when it is told to stop is answered, and nothing new.
    const open = await client.chat.completions.create({
      model: 'toy',
      ...asked,
      max_tokens: 40,
      stream: true,
    });
    const ended = stop();
    let last: string | null | undefined;
    for await (const { choices } of open) last = choices[0]?.finish_reason;
    t.truthy(last);
    const { code, said } = await ended;
    t.is(code, 0);
    t.regex(
      said,
      /^speed {6}in all \d+\.\d tokens\/s, first token .+, 8 answers, \d+ tokens in .+ s$/m,
    );
  },
);

test.serial(
  'OpenAI’s client is told how likely tokens are, of answers and of prompts',
  async (t) => {
    const { client, stop } = await serve(t);
    const text = '3 and 5 is 8';
    const scored = { prompt: text, max_tokens: 1, temperature: 0, echo: true, logprobs: 2 };
    const of = async (model: string) => {
      const { choices, usage } = await client.completions.create({ model, ...scored });
      const [choice] = choices;
      return { choice, usage, logprobs: choice?.logprobs };
    };
    const { choice, usage, logprobs } = await of('toy');
    t.true(choice?.text.startsWith(text));
    const tokens = logprobs?.tokens ?? [];
    t.is(tokens.length, (usage?.prompt_tokens ?? 0) + 1, 'those of the prompt, and the one made');
    t.is(tokens.slice(0, -1).join(''), text);
    for (const [i, at] of (logprobs?.text_offset ?? []).entries()) {
      t.is(at, tokens.slice(0, i).join('').length);
    }
    t.deepEqual([logprobs?.token_logprobs?.[0], logprobs?.top_logprobs?.[0]], [null, null]);
    for (const [i, top] of (logprobs?.top_logprobs ?? []).slice(1).entries()) {
      t.true(Object.keys(top).length >= 2 && Object.keys(top).length <= 3);
      t.is(top[tokens[i + 1] ?? ''], logprobs?.token_logprobs?.[i + 1]);
    }
    const tuned = (await of('tuned')).logprobs?.token_logprobs;
    t.notDeepEqual(tuned, logprobs?.token_logprobs);

    // The same tokens by their ids are told the same, in one request with another prompt.
    const both = await client.completions.create({
      ...{ model: 'toy', ...scored, prompt: [text, '3'] },
    });
    t.deepEqual(
      both.choices.map(({ index }) => index),
      [0, 1],
    );
    t.deepEqual(both.choices[0]?.logprobs?.tokens, tokens);
    t.true(both.choices[1]?.text.startsWith('3'));

    const asked = { model: 'toy', messages: [...messages], max_tokens: 6, temperature: 0 };
    const told = { ...asked, logprobs: true, top_logprobs: 2 };
    const chat = await client.chat.completions.create(told);
    const content = chat.choices[0]?.logprobs?.content ?? [];
    const spelled = Buffer.from(content.flatMap(({ bytes }) => bytes ?? []));
    t.is(spelled.toString(), chat.choices[0]?.message.content ?? '');
    for (const { logprob, top_logprobs: top } of content) {
      t.deepEqual([top.length, top[0]?.logprob], [2, logprob], 'the likeliest was taken');
    }
    const streamed: typeof content = [];
    const stream = await client.chat.completions.create({ ...told, stream: true });
    for await (const { choices } of stream) streamed.push(...(choices[0]?.logprobs?.content ?? []));
    t.deepEqual(streamed, content);

    const refused = await errorOf(t, client.chat.completions.create({ ...asked, top_logprobs: 2 }));
    t.is(refused.status, 400);
    t.regex(refused.message, /top_logprobs must be left out where logprobs is not true/);
    t.is((await stop()).code, 0);
  },
);

test.serial('several adapters answer under one name, once all of them are there', async (t) => {
  const { client, origin, adapter, more, stop } = await serve(t, [
    ...['--compose', 'double=tuned:2', '--compose', 'both=tuned,later:0.5,mode=logits'],
  ]);
  const ids = async () => (await client.models.list()).data.map(({ id }) => id);
  t.deepEqual(await ids(), ['toy', 'tuned', 'double']);
  const asked = { messages: [...messages], max_tokens: 12, temperature: 0 };
  const missing = await errorOf(t, client.chat.completions.create({ model: 'both', ...asked }));
  t.deepEqual([missing.status, missing.code], [404, 'model_not_found']);
  await cp(adapter, join(more, '..', 'copy'), { recursive: true });
  await rename(join(more, '..', 'copy'), join(more, 'later'));
  while (!(await ids()).includes('both')) await sleep(100);
  t.deepEqual(await ids(), ['toy', 'tuned', 'later', 'double', 'both']);
  t.like(await client.models.retrieve('both'), {
    parent: 'toy',
    composition: {
      mode: 'logits',
      parts: [
        { adapter: 'tuned', weight: 1 },
        { adapter: 'later', weight: 0.5 },
      ],
    },
  });
  for (const model of ['double', 'both']) {
    const whole = await client.chat.completions.create({ model, ...asked });
    const [choice] = whole.choices;
    let text = '';
    let finish: string | null | undefined;
    const stream = await client.chat.completions.create({ model, ...asked, stream: true });
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? '';
      finish = choices[0]?.finish_reason ?? finish;
    }
    t.is(text, choice?.message.content ?? '');
    t.is(finish, choice?.finish_reason);
    t.true((whole.usage?.completion_tokens ?? 0) <= 12);
  }
  const numbers = await (await fetch(`${origin}/metrics`)).text();
  t.regex(numbers, /^anneal_serve_tokens_total\{model="both",kind="made"\} [1-9]/m);
  t.regex(numbers, /^anneal_serve_models 5$/m);
  // When a part goes, the composition goes with it.
  await rename(join(more, 'later'), join(more, '..', 'gone'));
  while ((await ids()).includes('both')) await sleep(100);
  t.deepEqual(await ids(), ['toy', 'tuned', 'double']);
  const { code, said } = await stop();
  t.is(code, 0);
  t.regex(said, /^refused {4}both waits for its part later$/m);
});

test.serial(
  'what is wrong is said in the form of the API, and hostile clients harm nobody',
  async (t) => {
    const { client, origin, stop } = await serve(t);
    const port = Number(new URL(origin).port);
    const asked = { messages: [...messages], max_tokens: 4, temperature: 0 };
    const unknown = await errorOf(t, client.chat.completions.create({ model: 'other', ...asked }));
    t.deepEqual([unknown.status, unknown.code, unknown.param], [404, 'model_not_found', 'model']);
    for (const model of ['../tuned', '%2e%2e%2ftuned', '/etc/passwd']) {
      t.is((await errorOf(t, client.chat.completions.create({ model, ...asked }))).status, 404);
      t.is((await fetch(`${origin}/v1/models/${encodeURIComponent(model)}`)).status, 404);
    }
    const wrong = await errorOf(
      t,
      client.chat.completions.create({ model: 'toy', ...asked, n: 2 }),
    );
    t.is(wrong.status, 400);
    t.regex(wrong.message, /n must be 1: a request has one answer/);

    const post = (body: string) => fetch(`${origin}/v1/completions`, { method: 'POST', body });
    t.is((await post('{"model":')).status, 400);
    t.is((await post('['.repeat(100_000))).status, 400);
    t.true((await post('{"model":"toy","prompt":"\\ud800"}')).status < 500);
    t.is((await fetch(`${origin}/v1/completions`)).status, 404);

    // A body that says that it is huge, and one that is and does not say.
    const socketOf = (head: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(`POST /v1/completions HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n`);
      return socket;
    };
    const stated = socketOf('content-length: 99999999999');
    t.regex(String((await once(stated, 'data'))[0]), /^HTTP\/1.1 413/);
    const unsaid = socketOf('transfer-encoding: chunked');
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let n = 0; n < 80; n += 1) unsaid.write(piece);
    t.regex(String((await once(unsaid, 'data'))[0]), /^HTTP\/1.1 413/);
    // Half-open: headers without a body, and nothing at all.
    const waiting = [socketOf('content-length: 50'), connect(port, '127.0.0.1')];

    const after = await client.chat.completions.create({ model: 'tuned', ...asked });
    t.is(after.choices.length, 1);
    for (const socket of [...waiting, stated, unsaid]) socket.destroy();
    const { code } = await stop();
    t.is(code, 0);
  },
);

test.serial('an adapter of another base ends the command with a sentence', async (t) => {
  const one = await aToyRun(t, {
    ...{ name: 'tuned', method: { preset: 'LoRA' }, training: { maxSteps: 1 } },
  });
  await one.all();
  const other = await aToyRun(t, {
    ...{ name: 'other', method: { preset: 'LoRA' }, sizes: { rope_theta: 5000 } },
  });
  const child = spawn(
    process.execPath,
    [
      ...[command, 'serve', join(other.record.folder, 'model'), '--port', '0', '--threads', '1'],
      ...['--adapter', `tuned=${join(one.destination, 'adapter')}`],
    ],
    {
      env: { ...process.env, ANNEAL_CACHE: one.record.cache },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = (await once(child, 'close')) as [number];
  t.not(code, 0);
  t.regex(
    said,
    /adapter tuned in .* was trained on the base sha256:.*; the base that is served is sha256:/s,
  );
});

test.serial('--plan says what the server will take, adapters counted, and ends', async (t) => {
  const run = await aToyRun(t, { name: 'planned', method: { preset: 'LoRA' } });
  await run.all();
  const adapter = join(run.destination, 'adapter');
  const words = ['serve', join(run.record.folder, 'model'), '--adapter', `tuned=${adapter}`];
  const { stdout, exitCode } = await execa(process.execPath, [command, ...words, '--plan'], {
    env: { ANNEAL_CACHE: run.record.cache },
  });
  t.is(exitCode, 0);
  t.regex(stdout, /^weights +\d/m);
  t.regex(stdout, /^adapters +\d.* +1$/m);
  t.regex(stdout, /^limit .* fits$/m);
  t.notRegex(stdout, /not counted/);
});
