// The differences between the supported encoder families, as data. A value missing in `config.json`
// is the default of the model's class in transformers, so these defaults are here too.

export const encoderNames = ['bert', 'roberta'] as const;
export type EncoderName = (typeof encoderNames)[number];

interface EncoderFamily {
  /** Class of transformers that has its head. */
  readonly classifier: string;
  /** Permitted class names in `architectures`: heads of other tasks share none of these names. */
  readonly architectures: readonly string[];
  /** Positions begin behind the row of padding in their table. */
  readonly positionsBehindPadding: boolean;
  /** Module paths of the head: `out(tanh(dense(first token)))`. */
  readonly head: { readonly dense: string; readonly out: string };
  readonly defaults: ClassDefaults;
}

interface ClassDefaults {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly hidden_act: string;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
  readonly initializer_range: number;
  readonly pad_token_id: number;
}

const base = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  hidden_act: 'gelu',
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  initializer_range: 0.02,
} as const;

export const encoderFamilies: Readonly<Record<EncoderName, EncoderFamily>> = {
  bert: {
    classifier: 'BertForSequenceClassification',
    architectures: [
      'BertModel',
      'BertForSequenceClassification',
      'BertForMaskedLM',
      'BertForPreTraining',
    ],
    positionsBehindPadding: false,
    head: { dense: 'bert.pooler.dense', out: 'classifier' },
    defaults: { ...base, vocab_size: 30_522, pad_token_id: 0 },
  },
  roberta: {
    classifier: 'RobertaForSequenceClassification',
    architectures: ['RobertaModel', 'RobertaForSequenceClassification', 'RobertaForMaskedLM'],
    positionsBehindPadding: true,
    head: { dense: 'classifier.dense', out: 'classifier.out_proj' },
    defaults: { ...base, vocab_size: 50_265, pad_token_id: 1 },
  },
};
