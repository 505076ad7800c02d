import test from 'ava';
import fc from 'fast-check';
import { draft, shownLines } from '../../../cli/init/draft.ts';
import { manifestText } from '../../../cli/init/manifest-text.ts';
import {
  answerOn,
  numberOf,
  pages,
  pressKey,
  type Seen,
  startWizard,
  type Wizard,
} from '../../../cli/init/wizard.ts';
import type { Pressed } from '../../../cli/terminal/pressed.ts';
import { parseJob } from '../../../crds/manifest/manifest.ts';
import { estimatorOfTests, nothingHere, whatIsFound } from '../../builders/wizard.ts';

const seen: Seen = { found: whatIsFound(), needs: {} };
const key = (word: string): Pressed =>
  word.length > 1 ? { input: '', key: word as Pressed['key'] } : { input: word, key: undefined };
const after = (words: readonly string[], from = startWizard({})): Wizard =>
  words.reduce((wizard, word) => pressKey(wizard, key(word), seen).wizard, from);
const drafted = (wizard: Wizard) => draft(wizard, seen.found, estimatorOfTests, nothingHere);
const textOf = (wizard: Wizard) => manifestText(drafted(wizard).answers);

const anyKey = fc.constantFrom(
  ...['enter', 'enter', 'enter', 'esc', 'up', 'down', 'backspace', 'pageUp'],
  ...['1', '2', '5', '9', 'j', 'k', 'q', '/', 'a', ' ', '"', '\u0007', '€'],
);

test('enter alone takes what is recommended, and the file that comes out is a job', (t) => {
  const wizard = after(['enter', 'enter', 'enter', 'enter', 'enter']);
  t.is(wizard.page, 'file');
  const { effect } = pressKey(wizard, key('enter'), seen);
  t.deepEqual(effect, { type: 'Write', file: 'job.yaml' });
  const { job } = parseJob(textOf(wizard), 'job.yaml');
  t.is(job.spec.model.source.local?.path, './model');
  t.is(job.spec.worker.devicesPerWorker, 1);
});

test('whatever is pressed, one question is open, and what would be written is a job that parses', (t) => {
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 60 }), (words) => {
      let wizard = startWizard({});
      for (const word of words) {
        const { wizard: next, effect } = pressKey(wizard, key(word), seen);
        wizard = next;
        t.true(pages.includes(wizard.page));
        if (effect?.type === 'Write') {
          t.not(effect.file, '');
          t.is(wizard.page, 'file');
          parseJob(textOf(wizard), 'job.yaml');
        }
      }
      // Nobody gets beyond a question without an answer.
      for (const page of pages.slice(0, pages.indexOf(wizard.page))) {
        t.not(answerOn(page, seen, wizard), '', page);
      }
    }),
    { numRuns: 300 },
  );
});

test('a model of texts has no plan among pictures, and says why', (t) => {
  const { described, plan } = drafted(after(['j', 'j', 'enter', 'enter']));
  t.is(plan, undefined);
  t.regex((described as { why: string }).why, /is ImageClassification, but the model is a llama/);
  t.not(drafted(after(['enter', 'enter'])).plan, undefined);
});

test('going back and forth loses no answer', (t) => {
  const fresh = startWizard({});
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 40 }), fc.nat({ max: 5 }), (words, steps) => {
      const before = after(words, fresh);
      const settled = before.typing ? after(['esc'], before) : before;
      const back = Math.min(steps, pages.indexOf(settled.page));
      const gone = after(Array<string>(back).fill('esc'), settled);
      const again = after(Array<string>(back).fill('enter'), gone);
      t.is(again.page, settled.page);
      t.is(textOf(again), textOf(settled));
      t.deepEqual(again.typed, settled.typed);
    }),
    { numRuns: 300 },
  );
});

test('a list that grows while it is looked at does not change what was answered', (t) => {
  const { found } = seen;
  const alone = found.devices.filter(({ id }) => !id.startsWith('cluster'));
  const early = { found: { ...found, devices: alone }, needs: {} };
  const down = ['enter', 'enter', 'enter', 'enter'].reduce(
    (wizard, word) => pressKey(wizard, key(word), early).wizard,
    startWizard({}),
  );
  t.is(answerOn('device', early, down), 'processor');
  t.is(answerOn('device', seen, down), 'processor');
});

test('a place is typed, pasted and corrected; control characters of a paste are left out', (t) => {
  const asked = after(['enter', 'up', 'down', 'down', 'down', 'down', 'down', 'down']);
  const typed = pressKey(asked, { input: 'owner/\u001b[2Jm\r', key: undefined }, seen).wizard;
  t.is(typed.typed.model, 'owner/[2Jm');
  t.is(after(['backspace', 'x'], typed).typed.model, 'owner/[2Jx');
  const empty = after(['enter', '5', 'enter']);
  t.is(empty.page, 'model');
  t.is(empty.said, 'type a source first');
});

test('esc leaves the typing, then the question, then the wizard', (t) => {
  const typing = after(['enter', '5', 'a']);
  t.true(typing.typing);
  const listed = after(['esc'], typing);
  t.false(listed.typing);
  t.is(listed.page, 'model');
  const first = after(['esc'], listed);
  t.is(first.page, 'goal');
  t.deepEqual(pressKey(first, key('esc'), seen).effect, { type: 'Leave' });
});

test('what flags said is not asked again', (t) => {
  const wizard = startWizard({ model: 'a/b', goal: 'try' }, 'mine.yaml');
  t.is(wizard.page, 'data');
  t.deepEqual(numberOf(wizard), { number: 1, of: 3 });
  const last = after(['enter', 'enter', 'enter'], wizard);
  t.deepEqual(pressKey(last, key('enter'), seen).effect, { type: 'Write', file: 'mine.yaml' });
  const { job } = parseJob(textOf(last), 'job.yaml');
  t.is(job.spec.model.source.huggingFace?.repository, 'a/b');
  t.is(job.spec.training.maxSteps, 20);
});

test('the manifest grows with every answer and never loses a line', (t) => {
  let wizard = startWizard({});
  let before: readonly string[] = [];
  for (let step = 0; step < pages.length - 1; step++) {
    const lines = shownLines(wizard, drafted(wizard)).map(({ text }) => text);
    t.true(lines.length > before.length);
    t.deepEqual(
      before.filter((line) => !lines.includes(line)),
      [],
    );
    before = lines;
    wizard = after(['enter'], wizard);
  }
  t.is(
    shownLines(wizard, drafted(wizard))
      .map(({ text }) => `${text}\n`)
      .join(''),
    textOf(wizard),
  );
});

test('the estimate moves with what is chosen, and what fits comes first', (t) => {
  const gpu = after(['enter', 'enter', 'enter', 'enter']);
  const speed = drafted(gpu).plan?.memory.peak ?? 0;
  const quality = drafted({ ...gpu, chosen: { ...gpu.chosen, prefer: 'quality' } });
  t.true((quality.plan?.memory.peak ?? 0) > speed);
  t.false(quality.plan?.memory.fits);
  t.regex(quality.needs.quality?.words ?? '', /, too much$/);
  const needs = { speed: { words: '30 GiB, too much', fits: false } };
  t.is(answerOn('prefer', { found: seen.found, needs }, gpu), 'memory');
});
