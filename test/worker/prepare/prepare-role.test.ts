// What ends a preparation before the model is fetched, digested or read. Whole preparations are in
// test/numerics and test/e2e.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { type RunRecord, runFiles, runRecord } from '../../../crds/wire/run-folder.ts';
import { prepareRole } from '../../../worker/prepare/prepare-role.ts';
import { writeRecord } from '../../../worker/run-folder.ts';
import { aSpec, type Changes } from '../../builders/job.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const chats = `${JSON.stringify({ messages: [{ role: 'user', content: 'a' }] })}\n`;

/** A model whose weights are no weights: whoever reads them fails in other words. */
async function prepared(files: Readonly<Record<string, string>>, changes: Changes = {}) {
  const root = await temporaryFolder();
  const folder = join(root.path, 'run');
  await mkdir(join(root.path, 'model'));
  await mkdir(folder);
  const all = { 'model/config.json': '{}', 'model/model.safetensors': 'none', ...files };
  for (const [name, text] of Object.entries(all)) await writeFile(join(root.path, name), text);
  const spec = aSpec({
    'model.source': { local: { path: 'model' } },
    'dataset.train': { local: { path: 'data.jsonl' } },
    'output.destination': { local: { path: 'out' } },
    ...changes,
  });
  const run: RunRecord = {
    ...{ version: 1, name: 'first', namespace: 'default', folder: root.path, spec, digest: '' },
    ...{ volumes: {}, cache: join(root.path, 'cache'), device: 'cpu', threads: 1 },
    createdAt: '2026-01-01T00:00:00Z',
  };
  await writeRecord(folder, runFiles.run, runRecord, run);
  return {
    role: () =>
      prepareRole({
        ...{ folder, clock: systemClock, emit: () => {}, stop: new AbortController().signal },
        config: { variables: {} } as Parameters<typeof prepareRole>[0]['config'],
      }),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  };
}

const noTemplate = {
  code: 'E_INVALID_DATA',
  message: /^the records are conversations, but the model/,
};

test('conversations for a model without a template end before its weights are looked at', async (t) => {
  await using at = await prepared({ 'data.jsonl': chats, 'model/tokenizer_config.json': '{}' });
  await t.throwsAsync(at.role, noTemplate);
});

test('with a template in the model or in the job the weights are looked at', async (t) => {
  const config = JSON.stringify({ chat_template: '{{ messages }}' });
  await using own = await prepared({ 'data.jsonl': chats, 'model/tokenizer_config.json': config });
  await t.throwsAsync(own.role, { code: 'E_INVALID_MODEL' });
  await using jinja = await prepared({ 'data.jsonl': chats, 'model/chat_template.jinja': 'x' });
  await t.throwsAsync(jinja.role, { code: 'E_INVALID_MODEL' });
  await using given = await prepared({ 'data.jsonl': chats }, { 'dataset.chatTemplate': 'x' });
  await t.throwsAsync(given.role, { code: 'E_INVALID_MODEL' });
});

test('texts with a class need no template, whatever else is in their records', async (t) => {
  const changes = { 'model.task': 'SequenceClassification', 'dataset.labels': ['no', 'yes'] };
  await using at = await prepared({ 'data.jsonl': chats }, changes);
  await t.throwsAsync(at.role, { code: 'E_INVALID_MODEL' });
});

test('texts need no template', async (t) => {
  await using at = await prepared({ 'data.jsonl': '{"text":"a b c"}\n' });
  await t.throwsAsync(at.role, { code: 'E_INVALID_MODEL' });
});
