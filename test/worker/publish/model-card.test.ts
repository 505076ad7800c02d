import test from 'ava';
import { resolveMethod } from '../../../crds/index.ts';
import type { ArtifactEvaluation } from '../../../crds/wire/artifact-evaluation.ts';
import type { FamilyKind } from '../../../worker/families/family.ts';
import { modelCard as cardOf, repositoryCard } from '../../../worker/publish/model-card.ts';
import { aSpec } from '../../builders/job.ts';
import { aPreparedRecord, aReport } from '../../builders/run-report.ts';

// What the card reads of the facts; models are not among it.
const facts = (
  report = aReport(),
  method = resolveMethod({ preset: 'LoRA' }),
  kind: FamilyKind = 'decoder',
) =>
  ({
    files: { config: { kind } },
    run: { name: 'first', digest: 'job-digest', spec: aSpec() },
    prepared: aPreparedRecord('/models/model.gguf'),
    report,
    method,
  }) as unknown as Parameters<typeof modelCard>[0];

const evaluation: ArtifactEvaluation = {
  ...{ profile: 'Default', verdict: 'Warn', leftOut: [], seconds: 1 },
  checks: [
    {
      ...{ gate: 'Format', metric: 'Divergence', value: 0.00712, low: 0.006, high: 0.009 },
      ...{ limit: 0.008, verdict: 'Warn' },
    },
  ],
  findings: [{ gate: 'Format', verdict: 'Warn', message: 'GGUF is in doubt', hint: 'ask it' }],
  data: {
    ...{ records: 'HeldOut', digest: 'sha256:1', sequences: 2, tokens: 3000, targetTokens: 2048 },
    seed: 0,
  },
};

const modelCard = (of: Parameters<typeof cardOf>[0], format: Parameters<typeof cardOf>[1]) =>
  cardOf(of, format, evaluation);

test('a card says what was done, with figures of the report only', (t) => {
  const card = modelCard(facts(), 'PEFTAdapter');
  t.snapshot(card);
});

test('a card names the library that reads the artefact, and what it is', (t) => {
  const peft = modelCard(facts(), 'PEFTAdapter');
  const merged = modelCard(facts(), 'MergedSafetensors');
  const gguf = modelCard(facts(), 'GGUF');
  t.regex(peft, /^library_name: peft$/m);
  t.regex(merged, /^library_name: transformers$/m);
  t.regex(merged, /^A fine-tuned copy of SmolLM2/m);
  t.regex(gguf, /^A fine-tuned copy, in GGUF form, of SmolLM2/m);
});

test('a card says what its model does, and whose names the layers of an adapter have', (t) => {
  const of = (kind: FamilyKind) =>
    modelCard(facts(aReport(), resolveMethod({ preset: 'LoRA' }), kind), 'PEFTAdapter');
  t.regex(of('decoder'), /^pipeline_tag: text-generation$/m);
  t.regex(of('encoder'), /^pipeline_tag: text-classification$/m);
  t.regex(of('vision'), /^pipeline_tag: image-classification$/m);
  t.regex(of('vision'), /^Its layers have the names of transformers 5, /m);
  t.notRegex(of('encoder'), /names of transformers/);
});

test('a card of pictures and texts says the texts, and what was right before it learned any', (t) => {
  const of = facts(aReport(), resolveMethod({ preset: 'LoRA' }), 'imageText');
  const spec = aSpec({
    ...{ 'model.task': 'ContrastiveImageText', 'dataset.sequenceLength': undefined },
    ...{ 'dataset.labels': ['cat', 'dog'], 'dataset.template': 'a {}, drawn' },
  });
  const card = modelCard({ ...of, run: { ...of.run, spec } }, 'PEFTAdapter');
  t.regex(card, /^pipeline_tag: zero-shot-image-classification$/m);
  t.regex(card, /^\| texts \| a cat, drawn, a dog, drawn \|$/m);
  t.regex(card, /^\| held-out accuracy \| 48\.0 % before \(zero-shot\), 53\.0 % after \|$/m);
});

test('what was not measured is said to be so', (t) => {
  const { evaluation: _, ...report } = aReport();
  const card = modelCard(facts({ ...report, evaluation: { all: [] } }), 'GGUF');
  t.is([...card.matchAll(/not measured/g)].length, 2);
  t.false(/undefined|NaN|null/.test(card));
});

test('the head of a card is YAML of its own, and the table has a row a fact', (t) => {
  const lines = modelCard(facts(), 'GGUF').split('\n');
  t.is(lines[0], '---');
  t.is(lines.filter((line) => line === '---').length, 2);
  const rows = lines.filter((line) => line.startsWith('| '));
  t.true(rows.every((row) => row.split('|').length === 4));
});

const reported = { format: 'a form', path: 'a folder', bytes: 1 };
const off = { profile: 'Disabled', checks: [], findings: [], leftOut: [], seconds: 0 } as const;

test('a card for several forms lists their folders, and makes one head and one table', (t) => {
  const card = repositoryCard(facts(), [
    { folder: 'adapter', format: 'PEFTAdapter', reported: { ...reported, evaluation } },
    {
      folder: 'gguf',
      format: 'GGUF',
      reported: { ...reported, evaluation: { ...off, checks: [], findings: [], leftOut: [] } },
    },
  ]);
  t.regex(card, /^Made by Anneal from the job `first`, in 2 forms:$/m);
  t.regex(card, /^- `adapter\/`: an adapter for SmolLM2/m);
  t.regex(
    card,
    /^\| evaluation of `adapter\/` \| pass with a warning: KL divergence 0.0071 on 2,048 held-out tokens \|$/m,
  );
  t.regex(card, /^\| evaluation of `gguf\/` \| disabled, by spec.evaluation.profile \|$/m);
  t.regex(card, /^- `gguf\/`: a fine-tuned copy, in GGUF form, of SmolLM2/m);
  t.is(card.split('\n').filter((line) => line === '---').length, 2);
  t.false(/undefined|NaN|null/.test(card));
});

test('an adapter that was trained on a quantised base says so, and how others make that base', (t) => {
  const card = (base: Parameters<typeof resolveMethod>[0]['base']) =>
    modelCard(facts(aReport(), resolveMethod({ preset: 'QLoRA', base })), 'PEFTAdapter');
  t.regex(card(undefined), /trained on the base in NF4; .*bnb_4bit_use_double_quant=True/s);
  t.regex(card({ type: 'NF4', nf4: { scales: 'Float32' } }), /use_double_quant=False/);
  // bitsandbytes takes blocks of 64 when it is not asked.
  t.notRegex(card({ type: 'NF4', nf4: { blockSize: 32 } }), /BitsAndBytesConfig/);
  t.regex(card({ type: 'Int8' }), /trained on the base in Int8/);
  const merged = modelCard(facts(aReport(), resolveMethod({ preset: 'QLoRA' })), 'GGUF');
  t.notRegex(merged, /trained on the base in/);
});
