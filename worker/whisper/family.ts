// Whisper, which writes down what is said, as a family of models.
import type { Family } from '../families/family.ts';
import { readWhisperConfig, type WhisperConfig } from './config.ts';
import { names, whisperName, whisperTensors } from './names.ts';

export const whisperFamily: Family<WhisperConfig> = {
  kind: 'speech',
  names: ['whisper'],
  modelTypes: ['whisper'],
  read: readWhisperConfig,
  tensors: whisperTensors,
  tied: () => ({ name: names.head, to: names.tokens }),
  canonical: whisperName,
  namesInFiles: (name) => [name],
  targets: 'Tokens',
  // PEFT's class for such tasks wants ids of texts where sounds are.
  pipelineTag: 'automatic-speech-recognition',
  facts(config) {
    const { V, H, L, NH, NK, D, I, encoderBlocks, mels, sourcePositions } = config;
    return {
      ...{ kind: 'speech', V, H, L, NH, NK, D, I, encoderBlocks, mels },
      ...{ sourcePositions, targetPositions: config.contextLength },
    };
  },
};
