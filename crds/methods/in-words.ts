// A method as short text for screens and columns, and by axis for `status.plan.method`.
import type { Method } from '../api/method.ts';
import { inWords as listInWords } from '../schema/text.ts';
import { drawOf } from './draw.ts';
import { entryOf } from './entry-of.ts';
import { levelOf } from './halo-level.ts';
import { masterWeightsOf } from './master-weights.ts';
import type { AxisName } from './method.ts';
import { trainsNothing } from './no-training.ts';
import type { ResolvedMethod } from './resolve.ts';

/** `LoRA r=16 on all linear layers, AdamW, bfloat16`. */
export function methodInWords(method: ResolvedMethod): string {
  if (trainsNothing(method)) return `nothing is trained, ${precisionInWords(method)}`;
  return [
    adapterInWords(method),
    ...modulesInWords(method),
    ...selectionInWords(method),
    ...ruleInWords(method),
    inWords('optimizer', method.optimizer),
    precisionInWords(method),
  ].join(', ');
}

/** `lora`, `qlora`, `full`, `lisa`: for tables. */
export function methodName(method: ResolvedMethod): string {
  const { adapter, base, selection } = method;
  if (trainsNothing(method)) return 'none';
  if (base.type === 'Codebook') return 'pv-tuning';
  if (base.type === 'AdaPT') return 'adapt';
  if (base.type === 'FakeQuantized') {
    if (base.fakeQuantized.trains === 'Scales') return 'peqa';
    return adapter.type === 'None' ? 'qat' : `qat-${adapter.type.toLowerCase()}`;
  }
  if (adapter.type !== 'None') {
    return `${base.type === 'Dense' ? '' : 'q'}${adapter.type.toLowerCase()}`;
  }
  return selection.type === 'All' ? 'full' : selection.type.toLowerCase();
}

/** `embed_tokens and norm whole`; nothing without any. */
function modulesInWords({ fullModules }: ResolvedMethod): readonly string[] {
  return fullModules.length === 0 ? [] : [`${listInWords(fullModules, 'and')} whole`];
}

/** `2 blocks at a time by LISA`; nothing if all are trained. */
function selectionInWords({ selection }: ResolvedMethod): readonly string[] {
  const count = drawOf(selection)?.activeLayers;
  if (count === undefined) return [];
  return [`${count} block${count === 1 ? '' : 's'} at a time by ${selection.type}`];
}

/** `rates of rows by ALLoRA, eta=2`; nothing without a rule. */
function ruleInWords({ rule }: ResolvedMethod): readonly string[] {
  return rule.type === 'None' ? [] : [inWords('rule', rule)];
}

function inWords<Axis extends AxisName>(axis: Axis, value: ResolvedMethod[Axis]): string {
  const { entry, own } = entryOf(axis, value);
  return entry.words?.(own) ?? value.type;
}

function precisionInWords({ precision }: ResolvedMethod): string {
  if (precision.type === 'Float32') {
    return precision.float32.products === 'TF32' ? 'float32 with TF32 products' : 'float32';
  }
  const rounded = masterWeightsOf({ precision }) === 'StochasticRounding';
  const words = rounded ? 'bfloat16 with stochastic rounding' : 'bfloat16';
  if (precision.type === 'HALO') {
    const { format, backward } = precision.halo;
    const textbook = backward === 'Textbook' ? ' textbook' : '';
    return `HALO-${levelOf(precision.halo)} ${format}${textbook} over ${words}`;
  }
  if (precision.type !== 'BFloat16') return `${precision.type} over ${words}`;
  return precision.bfloat16.trainedWeights === 'Int8' ? `${words}, trained in int8` : words;
}

function adapterInWords({ adapter, base }: ResolvedMethod): string {
  if (base.type === 'AdaPT') return 'all weights in fixed point by AdaPT';
  const rounded =
    base.type === 'FakeQuantized' ? ` before rounding to ${inWords('base', base)}` : '';
  if (base.type === 'FakeQuantized' && base.fakeQuantized.trains === 'Scales') {
    return inWords('base', base);
  }
  if (rounded !== '') {
    return `${adapter.type === 'None' ? 'all weights' : inWords('adapter', adapter)}${rounded}`;
  }
  if (adapter.type === 'None') {
    return base.type === 'Codebook'
      ? `all weights in ${schemeOf(base.codebook)} codes`
      : 'all weights';
  }
  const whose = base.type === 'Dense' ? '' : ` of ${article(base.type)} ${base.type} base`;
  return `${inWords('adapter', adapter)}${whose}`;
}

/** By how the name of a form is spoken: an NF4 base. */
function article(name: string): string {
  return /^([AEIO]|NF)/.test(name) ? 'an' : 'a';
}

type Base = ResolvedMethod['base'];
type Scheme = Extract<Base, { type: 'Codebook' }>['codebook'];

/** The notation of the papers: `2x8g8`. */
function schemeOf({ codebooks, bits, groupSize }: Scheme): string {
  return `${codebooks}x${bits}g${groupSize}`;
}

interface MethodStatus {
  readonly preset?: string;
  readonly summary: string;
  readonly precision: AxisStatus;
  readonly base: AxisStatus;
  readonly adapter: AxisStatus;
  readonly selection: AxisStatus;
  readonly optimizer: AxisStatus;
  readonly rule: AxisStatus;
}

interface AxisStatus {
  readonly type: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

export function methodStatus(method: ResolvedMethod, preset: Method['preset']): MethodStatus {
  return {
    ...(preset === undefined ? {} : { preset }),
    summary: methodInWords(method),
    precision: axisStatus(method.precision),
    base: axisStatus(method.base),
    adapter: axisStatus(method.adapter),
    selection: axisStatus(method.selection),
    optimizer: axisStatus(method.optimizer),
    rule: axisStatus(method.rule),
  };
}

function axisStatus(axis: { readonly type: string }): AxisStatus {
  const members: readonly [string, unknown][] = Object.entries(axis);
  const parameters = members.flatMap(([, value]) =>
    typeof value === 'object' && value !== null ? Object.entries(value) : [],
  );
  if (parameters.length === 0) return { type: axis.type };
  return {
    type: axis.type,
    parameters: Object.fromEntries(
      parameters
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, Array.isArray(value) ? value.join(',') : String(value)]),
    ),
  };
}
