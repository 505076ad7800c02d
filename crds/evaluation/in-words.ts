// An evaluation in one line, the same on screens, in model cards and reports.
import type { ArtifactCheck, ArtifactEvaluation } from '../wire/artifact-evaluation.ts';

/** `pass: perplexity × 1.0002, KL divergence 0.00012, agreement 99.4 % on 512 held-out tokens`. */
export function evaluationWords(evaluation: ArtifactEvaluation | undefined): string {
  if (evaluation === undefined) return 'none; an earlier version published it';
  const { verdict, checks, findings, data, leftOut, samples } = evaluation;
  if (samples !== undefined) return samplesInWords(samples);
  if (verdict === undefined) return withoutVerdict(leftOut);
  const told = verdictWords[verdict];
  if (data === undefined) return `${told}: ${findings.map(({ message }) => message).join('; ')}`;
  const figures = checks.flatMap(({ metric, value }) => figureOf(metric, value) ?? []);
  const which = data.records === 'HeldOut' ? 'held-out tokens' : 'tokens that were trained on';
  return `${told}: ${figures.join(', ')} on ${data.targetTokens.toLocaleString('en')} ${which}`;
}

function samplesInWords({
  pictures,
  steps,
  psnr,
}: NonNullable<ArtifactEvaluation['samples']>): string {
  const from = `${pictures} pictures of fixed noise in ${steps} steps`;
  if (psnr === null) return `${from} are those of the trained model`;
  return `PSNR ${psnr.toFixed(2)} dB to the trained model, of ${from}`;
}

/** A job may want none, and some models have nothing to ask. */
function withoutVerdict([why]: readonly string[]): string {
  return why === undefined || why.includes('spec.evaluation.profile')
    ? 'disabled, by spec.evaluation.profile'
    : why.replace(/^everything: /, 'none: ');
}

const verdictWords = { Pass: 'pass', Warn: 'pass with a warning', Refuse: 'refused' } as const;

function figureOf(metric: ArtifactCheck['metric'], value: number | null): string | undefined {
  const number = value === null ? Number.NaN : value;
  switch (metric) {
    case 'PerplexityRatio':
      return `perplexity × ${number.toFixed(4)}`;
    case 'Divergence':
      return `KL divergence ${Number(number.toPrecision(2))}`;
    case 'Agreement':
      return `agreement ${(100 * number).toFixed(1)} %`;
    default:
      return undefined;
  }
}
