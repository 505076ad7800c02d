// From the parameters of an adapter to the adapter: one line for each type.
import type { ResolvedMethod } from '../../../crds/index.ts';
import { entryOf } from '../../../crds/methods/entry-of.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Adapter } from './adapter.ts';
import { biLoraOf } from './bi-lora.ts';
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
import { mixLoraOf } from './mixlora.ts';
import { nloraOf } from './nlora.ts';
import { pacaOf } from './paca.ts';
import { pissaOf } from './pissa.ts';
import { randLoraOf } from './randlora.ts';
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
  RandLoRA: randLoraOf,
  LoLDU: lolduOf,
};

export function adapterOf({ adapter }: ResolvedMethod, seed: bigint, of: DType): Adapter | null {
  if (adapter.type === 'None') return null;
  // The line of a type takes the parameters of that type.
  const make = byType[adapter.type] as (own: object, common: Common) => Adapter;
  const { own } = entryOf('adapter', adapter);
  return make(own, { seed, dtype: of === 'float64' ? 'float64' : 'float32' });
}
