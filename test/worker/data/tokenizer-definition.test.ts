import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import {
  parseTokenizerJson,
  readTokenizerFolder,
  tokenizerDigest,
} from '../../../worker/data/tokenizer-definition.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const json = { model: { type: 'BPE', vocab: { a: 0 }, merges: [] } };

async function folderOf(files: Readonly<Record<string, unknown>>) {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(folder.path, name), text);
  }
  return folder;
}

test('Begin and end tokens are texts or objects, and the template lies in the configuration', async (t) => {
  await using folder = await folderOf({
    'tokenizer.json': json,
    'tokenizer_config.json': {
      bos_token: { content: '<s>', lstrip: false },
      eos_token: '</s>',
      add_bos_token: true,
      chat_template: [
        { name: 'tool_use', template: 'tools' },
        { name: 'default', template: 'plain' },
      ],
    },
  });
  const { json: _, ...facts } = await readTokenizerFolder(folder.path);
  t.deepEqual(facts, { bos: '<s>', eos: '</s>', addBos: true, chatTemplate: 'plain' });
});

test('A template in a file of its own comes before the one in the configuration', async (t) => {
  await using folder = await folderOf({
    'tokenizer.json': json,
    'tokenizer_config.json': { chat_template: 'old' },
    'chat_template.jinja': 'new',
  });
  t.is((await readTokenizerFolder(folder.path)).chatTemplate, 'new');
});

test('A tokenizer.json alone is enough', async (t) => {
  await using folder = await folderOf({ 'tokenizer.json': json });
  t.deepEqual(Object.keys(await readTokenizerFolder(folder.path)), ['json']);
});

const refusedFolder = test.macro({
  title: (given = '') => given,
  async exec(t, files: Readonly<Record<string, unknown>>, reason: RegExp) {
    await using folder = await folderOf(files);
    const error = await t.throwsAsync(() => readTokenizerFolder(folder.path), {
      instanceOf: UserError,
    });
    t.is(error.code, 'E_INVALID_TOKENIZER');
    t.regex(error.message, reason);
  },
});
test('A model without tokenizer.json', refusedFolder, {}, /has no tokenizer\.json/);
test(
  'A file that is no JSON',
  refusedFolder,
  { 'tokenizer.json': '{' },
  /tokenizer\.json is not JSON/,
);
test(
  'A configuration of another form',
  refusedFolder,
  { 'tokenizer.json': json, 'tokenizer_config.json': { eos_token: 3 } },
  /tokenizer_config\.json is not as expected/,
);

const refused = test.macro({
  title: (given = '') => given,
  exec(t, value: unknown, reason: RegExp) {
    const error = t.throws(() => parseTokenizerJson(value, 'tokenizer.json'), {
      instanceOf: UserError,
    });
    t.regex(error.message, reason);
  },
});
test(
  'A model of another kind',
  refused,
  { model: { type: 'WordPiece', vocab: {} } },
  /tokenizer\.json at model/,
);
test(
  'An id that is no number of a token',
  refused,
  { model: { type: 'BPE', vocab: { a: -1 }, merges: [] } },
  /model\.vocab\.a/,
);
test(
  'An id that would need gigabytes',
  refused,
  { model: { type: 'BPE', vocab: { a: 2 ** 31 }, merges: [] } },
  /model\.vocab\.a/,
);
test(
  'A merge of three',
  refused,
  { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a a', ['a', 'a', 'a']] } },
  /model\.merges\.1 .*a merge is a text or a list of two/,
);
test(
  'A vocabulary that is a list',
  refused,
  { model: { type: 'BPE', vocab: ['a'], merges: [] } },
  /model\.vocab/,
);
test(
  'Tokens drawn at random',
  refused,
  { model: { ...json.model, dropout: 0.1 } },
  /must give the same tokens every time/,
);
test('No model', refused, {}, /tokenizer\.json at model/);
test('No object', refused, 3, /tokenizer\.json is not a supported tokenizer/);

test('Files of before the type of a model was written are read', (t) => {
  const { model } = parseTokenizerJson({ model: { vocab: { a: 0 }, merges: [] } }, 'x');
  t.is(model.type, 'BPE');
  t.is(parseTokenizerJson({ model: { vocab: [['a', -1]] } }, 'x').model.type, 'Unigram');
});

test('The digest changes with the content', (t) => {
  const one = { json: parseTokenizerJson(json, 'x') };
  t.is(
    tokenizerDigest(one),
    tokenizerDigest({ json: parseTokenizerJson(structuredClone(json), 'y') }),
  );
  t.not(tokenizerDigest(one), tokenizerDigest({ ...one, eos: 'a' }));
});
