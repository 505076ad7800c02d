// An evaluation in one line, the same on screens, in model cards and reports.
import type { ArtifactCheck, ArtifactEvaluation } from '../wire/artifact-evaluation.ts';

/** Why a model that makes pictures is not evaluated. */
export const noiseLeftOut = 'everything: noise has no probabilities to compare';
const byProfile = 'disabled, by spec.evaluation.profile';

/** `pass: perplexity × 1.0002, KL divergence 0.00012, agreement 99.4 % on 512 held-out tokens`. */
export function evaluationWords(evaluation: ArtifactEvaluation | undefined): string {
  if (evaluation === undefined) return 'none; an earlier version published it';
  const { verdict, checks, findings, data, leftOut } = evaluation;
  if (verdict === undefined) {
    return leftOut.includes(noiseLeftOut) ? 'none; noise has no probabilities' : byProfile;
  }
  const told = verdictWords[verdict];
  if (data === undefined) return `${told}: ${findings.map(({ message }) => message).join('; ')}`;
  const figures = checks.flatMap(({ metric, value }) => figureOf(metric, value) ?? []);
  const which = data.records === 'HeldOut' ? 'held-out tokens' : 'tokens that were trained on';
  return `${told}: ${figures.join(', ')} on ${data.targetTokens.toLocaleString('en')} ${which}`;
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
