// README.md of an artefact: what it is, how it was made, and what was measured; nothing is claimed
// that the report does not hold.
import type { ArtifactFacts, ArtifactFormat } from './artifact.ts';

export function modelCard(facts: ArtifactFacts, format: ArtifactFormat): string {
  const { prepared, report, run } = facts;
  const { training, evaluation, dataset, result } = report;
  const published = result?.choice === 'Best' ? evaluation.best : evaluation.after;
  const rows = [
    ['method', report.job.summary],
    ['steps', `${training.steps} of ${training.totalSteps}`],
    ['tokens seen', training.tokensSeen.toLocaleString('en')],
    [
      'records',
      `${dataset.samples.toLocaleString('en')}, ${dataset.heldOutSamples} of them held out`,
    ],
    ['held-out loss before', loss(evaluation.before?.loss)],
    ['held-out loss after', loss(published?.loss)],
    ...(result === undefined ? [] : [['state', result.why]]),
    ['base digest', prepared.model.digest],
    ['data digest', prepared.data.digest],
    ['job digest', run.digest],
  ];
  return [
    '---',
    `base_model: ${prepared.model.name}`,
    `library_name: ${format === 'PEFTAdapter' ? 'peft' : 'transformers'}`,
    'pipeline_tag: text-generation',
    '---',
    '',
    `# ${run.name}`,
    '',
    `${opening[format]} ${prepared.model.name}, made by Anneal from the job \`${run.name}\`.`,
    '',
    '| | |',
    '| --- | --- |',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    'The licence of the base model applies. `report.json` in the folder above holds every figure.',
    '',
  ].join('\n');
}

const opening = {
  PEFTAdapter: 'An adapter for',
  MergedSafetensors: 'A fine-tuned copy of',
  GGUF: 'A fine-tuned copy, in GGUF form, of',
} as const;

function loss(value: number | null | undefined): string {
  return value === null || value === undefined ? 'not measured' : value.toFixed(4);
}
