// Whether a form of the result may be published: what was measured on the artefact as written and
// read back, beside limits. A limit inside the interval of a value gives a warning, so that chance
// decides nothing; `Strict` refuses what is in doubt.
import type { EvaluationSettings } from '../api/evaluation.ts';
import { parseDecimal } from '../schema/decimal.ts';
import type { ArtifactCheck, ArtifactFinding, Verdict } from '../wire/artifact-evaluation.ts';
import { absolute, type Band, bandOf, lowBits, type ResultClass, smallModel } from './form.ts';

export interface Estimate {
  readonly value: number;
  /** Between these lie 95 of 100 resamples. */
  readonly low: number;
  readonly high: number;
}

export interface Evidence {
  /** `GGUF`, for sentences. */
  readonly format: string;
  /** What it is compared with: `the trained model`. */
  readonly reference: string;
  readonly made: ResultClass;
  /** Of the model. */
  readonly parameters: number;
  /** `on 2,048 held-out tokens`. */
  readonly where: string;
  readonly perplexityRatio: Estimate;
  readonly divergence: Estimate;
  readonly agreement: Estimate;
  /**
   * Loss on held-out records more than that of the base before the first step, and the documents
   * it was measured on.
   */
  readonly harm?: (Estimate & { readonly documents: number }) | undefined;
  readonly size: Size | undefined;
  /** Instructions that it follows, as a share of those that the trained model follows. */
  readonly instructions?: (Estimate & { readonly followed: Followed }) | undefined;
}

/** Answers with the form that was asked for. */
interface Followed {
  readonly asked: number;
  readonly trained: number;
  readonly artifact: number;
}

/** Bytes of tensors in the file, and those that follow from the bits of its type. */
export interface Size {
  readonly stored: number;
  readonly expected: number;
}

interface Judgement {
  readonly verdict: Verdict;
  readonly checks: readonly ArtifactCheck[];
  /** What is not as it should be; none where it passes. */
  readonly findings: readonly ArtifactFinding[];
}

type Settings = Pick<EvaluationSettings, 'profile' | 'overrides'>;

/** By name alone, before anything is measured. */
export function refusedByName(format: string, made: ResultClass): ArtifactFinding | undefined {
  const { weightBits } = made;
  if (weightBits > lowBits || ['Same', 'Search', 'Training'].includes(made.made)) return undefined;
  const needed = weightBits <= 2 ? 'training' : 'calibration or training';
  if (weightBits > 2 && made.made === 'Calibration') return undefined;
  return {
    gate: 'LowBit',
    verdict: 'Refuse',
    message: `${format} has weights of ${weightBits} bits by ${made.made.toLowerCase()} alone; so few bits need ${needed}`,
    hint: 'choose a form of at least 4 bits, or spec.evaluation.profile: Disabled for a file that nobody vouches for',
  };
}

export function judge(evidence: Evidence, settings: Settings): Judgement {
  const limits = limitsOf(evidence, settings);
  const cost = Math.log(scaled(bandOf(evidence.made), evidence.parameters).maxPerplexityRatio);
  const measured: readonly ArtifactCheck[] = [
    ...limits.map((limit) => checkOf(limit)),
    // A pruned model is less than the base on purpose.
    ...(evidence.harm === undefined || evidence.made.made === 'Pruning'
      ? []
      : [harmCheck(evidence.harm, cost)]),
    ...(evidence.size === undefined ? [] : [sizeCheck(evidence.size)]),
    ...(evidence.instructions === undefined ? [] : [instructionCheck(evidence.instructions)]),
  ];
  const checks = measured.map((check) => vouchedFor(check, measured));
  const findings = checks.flatMap((check) =>
    check.verdict === 'Pass' ? [] : [findingOf(check, evidence)],
  );
  return { verdict: worst(findings, settings), checks, findings };
}

/** Of all findings; with `Strict` a warning counts as a refusal. */
function worst(findings: readonly ArtifactFinding[], { profile }: Settings): Verdict {
  if (findings.length === 0) return 'Pass';
  const isRefused = findings.some(({ verdict }) => verdict === 'Refuse');
  return isRefused || profile === 'Strict' ? 'Refuse' : 'Warn';
}

interface Limit {
  readonly gate: ArtifactCheck['gate'];
  readonly metric: ArtifactCheck['metric'];
  readonly estimate: Estimate;
  readonly limit: number;
  /** Where a value beyond the limit is still a warning; `limit` where it is none. */
  readonly refusedFrom: number;
  readonly isLeast: boolean;
}

function limitsOf(evidence: Evidence, { overrides = {} }: Settings): readonly Limit[] {
  const { perplexityRatio, divergence, agreement, made, parameters } = evidence;
  const band = scaled(bandOf(made), parameters);
  const { absolute: last = absolute } = band;
  const set = (text: string | undefined) => (text === undefined ? undefined : parseDecimal(text));
  const most = (
    own: number | undefined,
    { limit, refusedFrom }: { readonly limit: number; readonly refusedFrom: number },
  ) => (own === undefined ? { limit, refusedFrom } : { limit: own, refusedFrom: own });
  const ratio = band.maxPerplexityRatio;
  const least = set(overrides.minAgreement);
  return [
    {
      ...{ gate: 'Format', metric: 'PerplexityRatio', estimate: perplexityRatio, isLeast: false },
      ...most(set(overrides.maxPerplexityRatio), {
        limit: Math.min(ratio, last.maxPerplexityRatio),
        refusedFrom: Math.min(1 + band.tolerance * (ratio - 1), last.maxPerplexityRatio),
      }),
    },
    {
      ...{ gate: 'Format', metric: 'Divergence', estimate: divergence, isLeast: false },
      ...most(set(overrides.maxDivergence), {
        limit: band.maxDivergence,
        refusedFrom: band.tolerance * band.maxDivergence,
      }),
    },
    {
      ...{ gate: 'Proxy', metric: 'Agreement', estimate: agreement, isLeast: true },
      limit: least ?? band.minAgreement,
      refusedFrom: least ?? last.minAgreement,
    },
  ];
}

function scaled(band: Band, parameters: number): Band {
  if (parameters >= smallModel.parameters) return band;
  const { factor } = smallModel;
  return {
    ...band,
    maxPerplexityRatio: 1 + factor * (band.maxPerplexityRatio - 1),
    maxDivergence: factor * band.maxDivergence,
  };
}

function checkOf({ gate, metric, estimate, limit, refusedFrom, isLeast }: Limit): ArtifactCheck {
  const { value, low, high } = estimate;
  return { gate, metric, ...finiteOnly(estimate), limit, verdict: verdictOf() };

  function verdictOf(): Verdict {
    // What is no number is never within a limit.
    if (!Number.isFinite(value)) return 'Refuse';
    if (isLeast) return low >= limit ? 'Pass' : high < refusedFrom ? 'Refuse' : 'Warn';
    return high <= limit ? 'Pass' : low > refusedFrom ? 'Refuse' : 'Warn';
  }
}

/** As JSON has it. */
export function finiteOnly({ value, low, high }: Estimate): {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
} {
  return { value: finiteOrNull(value), low: finiteOrNull(low), high: finiteOrNull(high) };
}

export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** With fewer documents an interval says little. */
const fewestDocuments = 4;

/** `limit`: as much as the type of the file alone may cost. */
function harmCheck(harm: NonNullable<Evidence['harm']>, limit: number): ArtifactCheck {
  const { value, low, high, documents } = harm;
  const isKnown = documents >= fewestDocuments;
  const isWorse = !Number.isFinite(value) || (isKnown && low > limit);
  const isFine = isKnown ? high <= limit : value <= limit;
  return {
    ...{ gate: 'NoHarm', metric: 'Harm', ...finiteOnly(harm), limit },
    verdict: isWorse ? 'Refuse' : isFine ? 'Pass' : 'Warn',
  };
}

/** Of the bytes that the bits of the type make. */
const sizeTolerance = 0.01;

function sizeCheck({ stored, expected }: Size): ArtifactCheck {
  const value = stored / expected;
  return {
    ...{ gate: 'Efficiency', metric: 'Size', value, low: value, high: value },
    limit: 1 + sizeTolerance,
    verdict: Math.abs(value - 1) <= sizeTolerance ? 'Pass' : 'Refuse',
  };
}

/** Of those that the trained model follows: fewer are a warning, and clearly fewer no result. */
const instructionLimits = { limit: 0.95, refusedFrom: 0.9 } as const;

function instructionCheck({ value, low, high }: Estimate): ArtifactCheck {
  const { limit, refusedFrom } = instructionLimits;
  return {
    ...{ gate: 'Align', metric: 'Instructions', ...finiteOnly({ value, low, high }), limit },
    verdict: high < refusedFrom ? 'Refuse' : value >= limit ? 'Pass' : 'Warn',
  };
}

/**
 * Answers vouch for a file whose tokens agree too little for perplexity alone, but not for one that
 * does not speak.
 */
function vouchedFor(check: ArtifactCheck, all: readonly ArtifactCheck[]): ArtifactCheck {
  if (check.gate !== 'Proxy' || check.verdict !== 'Warn') return check;
  const answers = all.find(({ gate }) => gate === 'Align');
  return answers?.verdict === 'Pass' ? { ...check, verdict: 'Pass' } : check;
}

function findingOf(check: ArtifactCheck, evidence: Evidence): ArtifactFinding {
  const { gate, verdict } = check;
  const { message, hint } = wordsOf(check, evidence);
  const doubt = verdict === 'Warn' && isInDoubt(check) ? '; chance alone may explain it' : '';
  return { gate, verdict, message: `${message}${doubt}`, hint };
}

function isInDoubt({ low, high, limit }: ArtifactCheck): boolean {
  return (low ?? 0) <= limit && (high ?? 0) >= limit;
}

function wordsOf(check: ArtifactCheck, evidence: Evidence) {
  const { format, reference, where, made, size } = evidence;
  const followed = evidence.instructions?.followed;
  const band = bandOf(made);
  const { metric, limit } = check;
  const between = `${figure(metric, check.value)} (${figure(metric, check.low)} to ${figure(metric, check.high)})`;
  const rule = `${band.words} may have`;
  const { hint } = band;
  switch (metric) {
    case 'PerplexityRatio':
      return {
        message: `${format}, read back, has ${between} times the perplexity of ${reference} ${where}; ${rule} at most ${figure(metric, limit)}`,
        hint,
      };
    case 'Divergence':
      return {
        message: `${format}, read back, has a KL divergence of ${between} from ${reference} ${where}; ${rule} at most ${figure(metric, limit)}`,
        hint,
      };
    case 'Agreement':
      return {
        message: `${format}, read back, agrees with ${reference} on ${between} of its tokens ${where}; below ${figure(metric, limit)} perplexity does not vouch for the answers`,
        hint: `ask both models the same questions before the file is used; ${hint}`,
      };
    case 'Harm':
      return {
        message: `${format}, read back, has a loss ${between} above that of the base model ${where}; at most ${figure(metric, limit)} is rounding, more is harm that training did`,
        hint: 'lower spec.training.learningRate, train fewer steps, or look at the data',
      };
    case 'Instructions':
      return {
        message: `${format}, read back, follows ${followed?.artifact} of ${followed?.asked} instructions and ${reference} ${followed?.trained}: ${between} of them; at least ${figure(metric, limit)} is wanted`,
        hint,
      };
    default:
      return {
        message: `${format} has ${size?.stored.toLocaleString('en')} bytes of weights, and its type makes ${size?.expected.toLocaleString('en')}; a file of another size only simulates its bits`,
        hint: 'report it: the file was not written in the type that it names',
      };
  }
}

function figure(metric: ArtifactCheck['metric'], value: number | null): string {
  if (value === null || !Number.isFinite(value)) return 'no number';
  if (metric === 'Agreement' || metric === 'Instructions') return `${(100 * value).toFixed(1)} %`;
  return metric === 'PerplexityRatio' ? value.toFixed(4) : String(Number(value.toPrecision(3)));
}
