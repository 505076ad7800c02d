// What each family of models computes: its row beside that in decoder/registry.ts, which processes
// without tensors read too.
import { clipNetwork } from '../clip/network.ts';
import { decoderNetwork } from '../decoder/network.ts';
import { familyOf } from '../decoder/registry.ts';
import { diffusionNetwork } from '../diffusion/network.ts';
import { encoderNetwork } from '../encoder/network.ts';
import type { FamilyKind, ModelConfig } from '../families/family.ts';
import { restorationNetwork } from '../restoration/network.ts';
import { trackingNetwork } from '../tracking/network.ts';
import { visionNetwork } from '../vision/network.ts';
import { whisperNetwork } from '../whisper/network.ts';
import type { Network } from './network.ts';

const networks: Readonly<
  Record<FamilyKind, (config: ModelConfig, sequenceLength: number | undefined) => Network>
> = {
  decoder: decoderNetwork,
  encoder: encoderNetwork,
  vision: visionNetwork,
  diffusion: diffusionNetwork,
  restoration: restorationNetwork,
  speech: whisperNetwork,
  imageText: clipNetwork,
  tracking: trackingNetwork,
};

/** For texts of up to `sequenceLength` tokens; pictures have the length of their model. */
export function networkOf(config: ModelConfig, sequenceLength: number | undefined): Network {
  return networks[familyOf(config).kind](config, sequenceLength);
}
