// What the end of a run says of its results.
import test from 'ava';
import type { FoundModel } from '../../../cli/client/run-store.ts';
import { summaryLines } from '../../../cli/text/run-summary.ts';
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { aSpec } from '../../builders/job.ts';
import { aReport } from '../../builders/run-report.ts';
import { aRunRecord } from '../../builders/stored-run.ts';

const artifact: RunReport['artifacts'][number] = {
  ...{ format: 'GGUF', path: '/results/gguf', bytes: 100 * 2 ** 20 },
  contents: {
    tensors: { F32: 61, Q5_0: 180, Q4_K: 30 },
    replaced: [{ wanted: 'Q4_K', type: 'Q5_0', columns: 576, tensors: 180 }],
    ...{ bitsPerWeight: 5.941, linearBitsPerWeight: 5.25 },
  },
};

const said = (
  report: RunReport,
  model: FoundModel | null = null,
  record = aRunRecord('/cache'),
): string =>
  summaryLines(
    {
      ...{ file: 'job.yaml', outcome: { type: 'Complete' }, report, model },
      run: { folder: '/runs/first/1', number: 1, record, outcome: null },
    },
    400,
    'anneal',
  ).join('\n');

test('a GGUF file is said with its bits a weight, its types, and why some are others', (t) => {
  t.true(
    said(aReport({ artifacts: [artifact] })).includes(
      'GGUF, 100.0 MiB, 5.94 bits a weight (61 in F32, 180 in Q5_0, 30 in Q4_K; 180 in Q5_0 because Q4_K takes no rows of 576): /results/gguf',
    ),
  );
  t.false(said(aReport()).includes('bits a weight'));
});

test('an adapter is loaded on the model of the job, or on the whole one that it was cut out of', (t) => {
  const adapter = { format: 'PEFTAdapter', path: '/results/adapter', bytes: 1 } as const;
  const report = aReport({ artifacts: [adapter] });
  const loaded = (model: FoundModel) =>
    /from_pretrained\(("[^)]*)\)/.exec(said(report, model))?.[1];
  t.is(loaded({ path: '/models/a' }), '"owner/model"');
  t.is(loaded({ path: '/models/a.gguf' }), '"owner/model", gguf_file="a.gguf"');
  t.is(loaded({ path: '/models/pruned', whole: 'owner/whole' }), '"owner/whole"');
});

test('a classifier is said with the share of texts that are right, and with its own class to load', (t) => {
  const adapter = { format: 'PEFTAdapter', path: '/results/adapter', bytes: 1 } as const;
  const report = aReport({ artifacts: [adapter] });
  t.regex(said(report), /held-out records \(perplexity 11\.02 → 8\.17\)/);
  const classes = { 'model.task': 'SequenceClassification', 'dataset.labels': ['bad', 'good'] };
  const record = { ...aRunRecord('/cache'), spec: aSpec(classes) };
  const found = said(report, { path: '/models/a' }, record);
  t.regex(found, /on 32 held-out records \(48\.0 % → 53\.0 % right\)/);
  t.regex(
    found,
    /AutoModelForSequenceClassification\.from_pretrained\("owner\/model", num_labels=2\)/,
  );
});

test('of pictures and texts it is said what is right without any learning', (t) => {
  const adapter = { format: 'PEFTAdapter', path: '/results/adapter', bytes: 1 } as const;
  const classes = {
    ...{ 'model.task': 'ContrastiveImageText', 'dataset.sequenceLength': undefined },
    'dataset.labels': ['cat', 'dog'],
  };
  const record = { ...aRunRecord('/cache'), spec: aSpec(classes) };
  const report = aReport({ artifacts: [adapter] });
  const found = said(report, { path: '/models/a' }, record);
  t.regex(found, /on 32 held-out records \(48\.0 % zero-shot → 53\.0 % right\)/);
  t.regex(found, /AutoModel\.from_pretrained\("owner\/model"\)/);
  t.notRegex(found, /init --model/);
  const untrained = { ...report, training: { ...report.training, totalSteps: 0 } };
  t.regex(said(untrained, null, record), /held-out records \(48\.0 % right\)/);
});

test('of pictures it is said how like their targets they are, and of noise the loss alone', (t) => {
  const { before, after, ...others } = aReport().evaluation;
  if (before === undefined || after === undefined) throw new Error('the report has no evaluation');
  const without = { perplexity: null, accuracy: null };
  const pictures = aReport({
    evaluation: {
      ...others,
      before: { ...before, ...without, likeness: { psnr: 27.724, ssim: 0.7821 } },
      after: { ...after, ...without, likeness: { psnr: 28.66, ssim: 0.784 } },
    },
  });
  t.regex(said(pictures), /held-out records \(PSNR 27\.72 → 28\.66 dB · SSIM 0\.782 → 0\.784\)/);
  const noise = aReport({
    evaluation: { ...others, before: { ...before, ...without }, after: { ...after, ...without } },
  });
  t.regex(said(noise), /held-out records$/m);
});
