// A method as short text for screens and columns, and by axis for `status.plan.method`.
import type { Method } from '../api/method.ts';
import { drawOf } from './draw.ts';
import { levelOf } from './halo-level.ts';
import { masterWeightsOf } from './master-weights.ts';
import type { ResolvedMethod } from './resolve.ts';

/** `LoRA r=16 on all linear layers, AdamW, bfloat16`. */
export function methodInWords(method: ResolvedMethod): string {
  return [
    adapterInWords(method),
    ...selectionInWords(method),
    ...ruleInWords(method),
    optimizerInWords(method),
    precisionInWords(method),
  ].join(', ');
}

/** `lora`, `qlora`, `full`, `lisa`: for tables. */
export function methodName({ adapter, base, selection }: ResolvedMethod): string {
  if (base.type === 'Codebook') return 'pv-tuning';
  if (adapter.type !== 'None') {
    return `${base.type === 'Dense' ? '' : 'q'}${adapter.type.toLowerCase()}`;
  }
  return selection.type === 'All' ? 'full' : selection.type.toLowerCase();
}

/** `2 blocks at a time by LISA`; nothing if all are trained. */
function selectionInWords({ selection }: ResolvedMethod): readonly string[] {
  const count = drawOf(selection)?.activeLayers;
  if (count === undefined) return [];
  return [`${count} block${count === 1 ? '' : 's'} at a time by ${selection.type}`];
}

/** `rows by ALLoRA, eta=2`; nothing without a rule. */
function ruleInWords({ rule }: ResolvedMethod): readonly string[] {
  switch (rule.type) {
    case 'None':
      return [];
    case 'ALLoRA':
      return [`rates of rows by ALLoRA, eta=${rule.allora.eta}`];
    case 'DensityLoss':
      return [`density loss of weight ${rule.densityLoss.weight}`];
  }
}

function optimizerInWords({ optimizer }: ResolvedMethod): string {
  if (optimizer.type === 'GaLore') return `GaLore r=${optimizer.galore.rank ?? 'quarter'}`;
  if (optimizer.type === 'NaturalGaLore') {
    return `Natural GaLore r=${optimizer.naturalGalore.rank ?? 'quarter'}`;
  }
  if (optimizer.type === 'QGaLore') return `Q-GaLore r=${optimizer.qGalore.rank ?? 'quarter'}`;
  if (optimizer.type === 'PVTuning') return pvInWords(optimizer.pvTuning);
  const isShort = optimizer.type === 'AdamW' && optimizer.adamW.moments === 'BFloat16';
  return isShort ? 'AdamW with bfloat16 moments' : optimizer.type;
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
  return precision.bfloat16.trainedWeights === 'Int8' ? `${words}, trained in int8` : words;
}

function adapterInWords({ adapter, base }: ResolvedMethod): string {
  if (adapter.type === 'None') {
    return base.type === 'Codebook'
      ? `all weights in ${schemeOf(base.codebook)} codes`
      : 'all weights';
  }
  const whose = base.type === 'Dense' ? '' : ` of an ${base.type} base`;
  return `${productInWords(adapter)}${whose}`;
}

type Product = Exclude<ResolvedMethod['adapter'], { type: 'None' }>;

function productInWords(adapter: Product): string {
  switch (adapter.type) {
    case 'LoRA': {
      const { rank, scaling, learningRateRatio } = adapter.lora;
      const name = Number(learningRateRatio) === 1 ? 'LoRA' : 'LoRA+';
      const stabilized = scaling === 'RankStabilized' ? ' rank-stabilized' : '';
      return `${name} r=${rank}${stabilized} on ${layersInWords(adapter.lora)}`;
    }
    case 'BiLoRA': {
      const { rank, bits } = adapter.biLora;
      return `Bi-LoRA r=${rank} of ${bits} bit${bits === 1 ? '' : 's'} on ${layersInWords(adapter.biLora)}`;
    }
    case 'PaCA':
      return `PaCA r=${adapter.paca.rank} on ${layersInWords(adapter.paca)}`;
    case 'S2FT':
      return `S2FT on ${partsInWords(adapter.s2ft)}`;
    case 'LoRAXS':
      return `LoRA-XS r=${adapter.loraXs.rank} on ${layersInWords(adapter.loraXs)}`;
    case 'PiSSA':
      return `PiSSA r=${adapter.pissa.rank} on ${layersInWords(adapter.pissa)}`;
    case 'KaSA':
      return `KaSA r=${adapter.kasa.rank} on ${layersInWords(adapter.kasa)}`;
    case 'EVA':
      return `EVA r=${adapter.eva.rank} on ${layersInWords(adapter.eva)}`;
    case 'SLoRA':
      return `SLoRA r=${adapter.slora.rank} on ${layersInWords(adapter.slora)}`;
    case 'NLoRA': {
      const core = adapter.nlora.train === 'Core' ? ' of square matrices alone' : '';
      return `NLoRA r=${adapter.nlora.rank}${core} on ${layersInWords(adapter.nlora)}`;
    }
    case 'LoRAGA':
      return `LoRA-GA r=${adapter.loraGa.rank} on ${layersInWords(adapter.loraGa)}`;
    case 'LoRASB':
      return `LoRA-SB r=${adapter.loraSb.rank} on ${layersInWords(adapter.loraSb)}`;
    case 'LaMDA':
      return `${adapter.lamda.allocation === 'Spectrum' ? 'LaMDA++' : 'LaMDA'} r=${adapter.lamda.rank} on ${layersInWords(adapter.lamda)}`;
    case 'SoRA':
      return `SoRA r=${adapter.sora.rank} at first on ${layersInWords(adapter.sora)}`;
    case 'LoLDU':
      return `LoLDU r=${adapter.loldu.rank} on ${layersInWords(adapter.loldu)}`;
  }
}

type S2ft = Extract<Product, { type: 'S2FT' }>['s2ft'];

/** `0.03 of down, 0.05 of value`. */
function partsInWords(s2ft: S2ft): string {
  const parts = Object.entries(s2ft).filter(([, ratio]) => Number(ratio) > 0);
  return parts.map(([name, ratio]) => `${ratio} of ${name.replace('Ratio', '')}`).join(', ');
}

function layersInWords({ targetModules }: { readonly targetModules: readonly string[] }): string {
  return targetModules.includes('AllLinear') ? 'all linear layers' : targetModules.join(', ');
}

type Base = ResolvedMethod['base'];
type Scheme = Extract<Base, { type: 'Codebook' }>['codebook'];

/** The notation of the papers: `2x8g8`. */
function schemeOf({ codebooks, bits, groupSize }: Scheme): string {
  return `${codebooks}x${bits}g${groupSize}`;
}

type Optimizer = ResolvedMethod['optimizer'];
type PvTuning = Extract<Optimizer, { type: 'PVTuning' }>['pvTuning'];

function pvInWords({ updateCodes, updateCodebooks, maxCodeChange, deltaDecay }: PvTuning): string {
  if (!updateCodes) return 'PV-Tuning with fixed codes';
  const isStraight = Number(maxCodeChange) === 1 && Number(deltaDecay) === 0;
  const name = isStraight ? 'straight-through codes' : 'PV-Tuning';
  return updateCodebooks ? name : `${name} with fixed codebooks`;
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
