// From the parameters of an adapter to the adapter: one entry for each type.
import type { ResolvedMethod } from '../../../crds/index.ts';
import { alphaOf } from '../../../crds/methods/adapter-fields.ts';
import { mostComponents } from '../../../crds/methods/eva.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Adapter } from './adapter.ts';
import { biLora } from './bi-lora.ts';
import { eva } from './eva.ts';
import { kasa } from './kasa.ts';
import { lamda } from './lamda.ts';
import { loldu } from './loldu.ts';
import { lora } from './lora.ts';
import { loraGa } from './lora-ga.ts';
import { loraSb } from './lora-sb.ts';
import { loraXs } from './lora-xs.ts';
import { nlora } from './nlora.ts';
import { paca } from './paca.ts';
import { pissa } from './pissa.ts';
import { s2ft } from './s2ft.ts';
import { slora } from './slora.ts';
import { sora } from './sora.ts';
import { targetsOf } from './targets.ts';

type Parameters = ResolvedMethod['adapter'];

/** Of every adapter. */
interface Common {
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

type ByType = {
  readonly [Type in Parameters['type']]: (
    adapter: Extract<Parameters, { readonly type: Type }>,
    common: Common,
  ) => Adapter | null;
};

const byType: ByType = {
  None: () => null,
  LoRA: ({ lora: own }, common) => {
    const { scaling, initialization } = own;
    const learningRateRatio = Number(own.learningRateRatio);
    return lora({ ...asLora(own, common), scaling, initialization, learningRateRatio });
  },
  BiLoRA: ({ biLora: own }, common) =>
    biLora({ ...asLora(own, common), bits: own.bits === 1 ? 1 : 2 }),
  PaCA: ({ paca: own }, common) => paca({ ...onTargets(own), ...common, alpha: alphaOf(own) }),
  S2FT: ({ s2ft: own }, common) => s2ft({ ...own, ...common }),
  LoRAXS: ({ loraXs: own }, common) => loraXs({ ...onTargets(own), ...common }),
  PiSSA: ({ pissa: own }, common) =>
    pissa({ ...asLora(unscaled(own), common), directions: own.directions }),
  KaSA: ({ kasa: own }, common) => {
    const { beta, gamma } = own;
    return kasa({ ...asLora(own, common), beta: Number(beta), gamma: Number(gamma) });
  },
  EVA: ({ eva: own }, common) => {
    const { calibrationSequences: sequences, useLabelMask, maskFirstToken, directions } = own;
    const measured = { sequences, useLabelMask, maskFirstToken, directions };
    return eva({
      ...asLora(own, common),
      calibration: { ...measured, most: mostComponents(own) },
    });
  },
  SLoRA: ({ slora: own }, common) => slora(asLora(own, common)),
  NLoRA: ({ nlora: own }, common) => nlora({ ...asLora(unscaled(own), common), train: own.train }),
  LoRAGA: ({ loraGa: own }, common) => {
    const { directions, gamma } = own;
    return loraGa({ ...asLora(unscaled(own), common), directions, gamma: Number(gamma) });
  },
  LoRASB: ({ loraSb: own }, { seed }) =>
    loraSb({ ...onTargets(own), directions: own.directions, seed }),
  LaMDA: ({ lamda: own }, common) => {
    const { initialization, allocation, freezeFraction } = own;
    return lamda({
      ...asLora(own, common),
      ...{ initialization, allocation },
      freezeFraction: Number(freezeFraction),
    });
  },
  SoRA: ({ sora: own }, common) => {
    const { threshold, finalThreshold = threshold } = own;
    const thresholds = { threshold: Number(threshold), finalThreshold: Number(finalThreshold) };
    return sora({ ...asLora(own, common), ...thresholds });
  },
  LoLDU: ({ loldu: own }) => loldu(onTargets(own)),
};

export function adapterOf({ adapter }: ResolvedMethod, seed: bigint, of: DType): Adapter | null {
  // The entry of a type takes the parameters of that type.
  const make = byType[adapter.type] as (adapter: Parameters, common: Common) => Adapter | null;
  return make(adapter, { seed, dtype: of === 'float64' ? 'float64' : 'float32' });
}

interface Placed {
  readonly rank: number;
  readonly targetModules: readonly string[];
}

function onTargets({ rank, targetModules }: Placed) {
  return { rank, targets: targetsOf(targetModules) };
}

interface LikeLora extends Placed {
  readonly alpha?: string | undefined;
  readonly dropout: string;
}

/** What an adapter has that is built on LoRA. */
function asLora(own: LikeLora, common: Common) {
  return { ...onTargets(own), ...common, alpha: alphaOf(own), dropout: Number(own.dropout) };
}

/** With the rank as alpha, unless the job sets it: the scale is 1. */
function unscaled<Own extends LikeLora>(own: Own): Own {
  return { ...own, alpha: own.alpha ?? String(own.rank) };
}
