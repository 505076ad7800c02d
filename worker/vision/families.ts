// The differences between the supported vision transformers, as data. A value missing in the file
// `config.json` is the default of the model's class in transformers, so the defaults are here too.

export const visionNames = ['vit', 'deit', 'dinov2'] as const;
export type VisionName = (typeof visionNames)[number];

interface VisionFamily {
  /** Class of transformers that has its head. */
  readonly classifier: string;
  /** Permitted class names in `architectures`: heads of other tasks are not read. */
  readonly architectures: readonly string[];
  /** Tokens before those of the patches: of the class, and of DeiT's distillation. */
  readonly prefix: readonly ('cls_token' | 'distillation_token')[];
  /** Module path of all blocks below the root, and names of the two norms of one. */
  readonly blocks: string;
  readonly norms: readonly [beforeAttention: string, beforeMlp: string];
  /** What both halves of a block add is multiplied by a vector each. Touvron et al. 2021. */
  readonly hasLayerScale: boolean;
  /** The head reads the mean of the patches beside the token of the class. */
  readonly readsPatches: boolean;
  /** The class of transformers makes a token of masked patches that files lack. */
  readonly hasMaskToken: boolean;
  readonly defaults: ClassDefaults;
}

interface ClassDefaults {
  readonly layer_norm_eps: number;
  readonly patch_size: number;
}

/** Of all three classes. */
export const defaults = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  hidden_act: 'gelu',
  image_size: 224,
  num_channels: 3,
  initializer_range: 0.02,
  /** Of DINOv2, in place of the size of the MLP. */
  mlp_ratio: 4,
} as const;

const vit = {
  norms: ['layernorm_before', 'layernorm_after'],
  ...{ hasLayerScale: false, readsPatches: false, hasMaskToken: false },
  defaults: { layer_norm_eps: 1e-12, patch_size: 16 },
} as const;

export const visionFamilies: Readonly<Record<VisionName, VisionFamily>> = {
  vit: {
    ...vit,
    classifier: 'ViTForImageClassification',
    architectures: ['ViTModel', 'ViTForImageClassification', 'ViTForMaskedImageModeling'],
    ...{ prefix: ['cls_token'], blocks: 'layers' },
  },
  deit: {
    ...vit,
    classifier: 'DeiTForImageClassification',
    architectures: [
      'DeiTModel',
      'DeiTForImageClassification',
      'DeiTForMaskedImageModeling',
      'DeiTForImageClassificationWithTeacher',
    ],
    ...{ prefix: ['cls_token', 'distillation_token'], blocks: 'layers' },
  },
  dinov2: {
    classifier: 'Dinov2ForImageClassification',
    architectures: ['Dinov2Model', 'Dinov2ForImageClassification'],
    ...{ prefix: ['cls_token'], blocks: 'encoder.layer' },
    norms: ['norm1', 'norm2'],
    ...{ hasLayerScale: true, readsPatches: true, hasMaskToken: true },
    defaults: { layer_norm_eps: 1e-6, patch_size: 14 },
  },
};
