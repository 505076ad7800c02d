// The servers that are compared: started on a free port with all adapters loaded, asked over HTTP
// in OpenAI's form, each with one request's own way to name its adapter.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../../cli/client/free-port.ts';
import type { Answered } from './drive.ts';
import type { Files } from './files.ts';
import type { Asked } from './schedule.ts';

export interface Running extends AsyncDisposable {
  readonly pid: number;
  ask(asked: Asked, tokens: number): Promise<Answered>;
}

interface Place {
  readonly files: Files;
  /** How many of the adapters are served. */
  readonly adapters: number;
  readonly threads: number;
  /** A file in place of the folder of the base. */
  readonly base?: string;
}

export const together = 16;
/** Of a prompt and its answer. */
export const context = 256;

export async function startOurs(place: Place): Promise<Running> {
  const { files, adapters, threads, base = files.folder } = place;
  const names = files.names.slice(0, adapters);
  const port = await freePort();
  const words = ['serve', base, '--name', 'base', '--any-base', '--port', String(port)];
  const own = names.flatMap((name) => ['--adapter', `${name}=${join(files.peft, name)}`]);
  const limits = ['--together', String(together), '--queue', '4096', '--context', String(context)];
  const command = join(import.meta.dirname, '../../../../cli/anneal.mjs');
  const all = [command, ...words, ...own, ...limits, '--threads', String(threads), '--stats'];
  return started(process.execPath, all, port, '/readyz', ({ adapter }) => ({
    model: names[adapter],
  }));
}

export async function startPeft(place: Place & { readonly python: string }): Promise<Running> {
  const { files, adapters, threads, python } = place;
  const names = files.names.slice(0, adapters);
  const port = await freePort();
  const script = join(import.meta.dirname, 'peft_server.py');
  const words = [script, files.folder, files.peft, names.join(','), String(threads), String(port)];
  return started(python, words, port, '/health', ({ adapter }) => ({ model: names[adapter] }));
}

async function started(
  file: string,
  words: readonly string[],
  port: number,
  ready: string,
  own: (asked: Asked) => object,
): Promise<Running> {
  const child = spawn(file, words, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilReady(child, `${origin}${ready}`, () => said);
  return {
    pid: child.pid ?? 0,
    async ask(asked, tokens) {
      const body = { prompt: asked.prompt, max_tokens: tokens, temperature: 0, ...own(asked) };
      const response = await fetch(`${origin}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}\n${said}`);
      // Both have these fields of OpenAI's form.
      const { choices, usage } = (await response.json()) as OpenAiForm;
      return { text: choices[0]?.text ?? '', tokens: usage.completion_tokens };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      if (child.exitCode === null) await once(child, 'exit');
      clearTimeout(late);
    },
  };
}

interface OpenAiForm {
  readonly choices: readonly { readonly text: string }[];
  readonly usage: { readonly completion_tokens: number };
}

async function untilReady(child: ChildProcess, url: string, said: () => string): Promise<void> {
  while (child.exitCode === null) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    await sleep(200);
  }
  throw new Error(`a server ended before it answered: ${said()}`);
}
