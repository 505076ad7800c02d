// From the parameters of an adapter to the adapter: one line for each type.
import type { ResolvedMethod } from '../../../crds/index.ts';
import { entryOf } from '../../../crds/methods/entry-of.ts';
import { type DType, exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { weightStoreOf } from '../weights/store-of.ts';
import { denseOf, type WeightStore } from '../weights/weight-store.ts';
import type { Adapter } from './adapter.ts';
import { biLoraOf } from './bi-lora.ts';
import { blockLoraOf } from './block-lora.ts';
import { coLoraOf } from './co-lora.ts';
import { difforaOf } from './diffora.ts';
import { evaOf } from './eva.ts';
import type { AdapterOf, AdapterValue, Common } from './from-parameters.ts';
import { increLoraOf } from './incre-lora.ts';
import { kasaOf } from './kasa.ts';
import { lamdaOf } from './lamda.ts';
import { lolduOf } from './loldu.ts';
import { loraOf } from './lora.ts';
import { loraGaOf } from './lora-ga.ts';
import { loraSbOf } from './lora-sb.ts';
import { loraXsOf } from './lora-xs.ts';
import { lqLoraOf } from './lq-lora.ts';
import { mixLoraOf } from './mixlora.ts';
import { nloraOf } from './nlora.ts';
import { pacaOf } from './paca.ts';
import { pissaOf } from './pissa.ts';
import { randLoraOf } from './randlora.ts';
import { s2LoraOf } from './s2-lora.ts';
import { s2ftOf } from './s2ft.ts';
import { sloraOf } from './slora.ts';
import { soraOf } from './sora.ts';
import { spielOf } from './spiel.ts';

const byType: { readonly [Type in Exclude<AdapterValue['type'], 'None'>]: AdapterOf<Type> } = {
  LoRA: loraOf,
  BiLoRA: biLoraOf,
  PaCA: pacaOf,
  S2FT: s2ftOf,
  SpIEL: spielOf,
  LoRAXS: loraXsOf,
  PiSSA: pissaOf,
  LQLoRA: lqLoraOf,
  KaSA: kasaOf,
  EVA: evaOf,
  SLoRA: sloraOf,
  NLoRA: nloraOf,
  MixLoRA: mixLoraOf,
  LoRAGA: loraGaOf,
  LoRASB: loraSbOf,
  LaMDA: lamdaOf,
  SoRA: soraOf,
  IncreLoRA: increLoraOf,
  DiffoRA: difforaOf,
  CoLoRA: coLoraOf,
  RandLoRA: randLoraOf,
  LoLDU: lolduOf,
  S2LoRA: s2LoraOf,
  BlockLoRA: blockLoraOf,
};

export function adapterOf(method: ResolvedMethod, seed: bigint, of: DType): Adapter | null {
  const { adapter } = method;
  if (adapter.type === 'None') return null;
  // The line of a type takes the parameters of that type.
  const make = byType[adapter.type] as (own: object, common: Common) => Adapter;
  const { own } = entryOf('adapter', adapter);
  const quantized = quantizedBy(weightStoreOf(method));
  return make(own, { seed, dtype: exactType(of), ...quantized });
}

/** From float32, as a base that lost a part of its weights is quantized. */
function quantizedBy({ quantize }: WeightStore): Pick<Common, 'quantized'> {
  if (quantize === null) return {};
  return { quantized: (matrix: Tensor) => denseOf(quantize(ops.to(matrix, 'float32'))) };
}
