// Printed by `node worker/tensor/print-ops.ts` from ops.list.ts and the schemas of libtorch and of
// worker/native/kernels. Arguments before `*` are positional, those behind it are options;
// layout, pinning, memory format and generators stay at their defaults. What returns its own
// argument is written in place.
import type { Device } from './device.ts';
import { type DType, dtypeCode } from './dtype.ts';
import { native } from './native.ts';
import {
  confirmOperators,
  handlesOf,
  made,
  madeList,
  operator,
  optionalHandlesOf,
  results,
  type Scalar,
} from './operator.ts';
import type { Tensor } from './tensor.ts';

const { call } = native;

const $add = operator('aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor');
export function add(self: Tensor, other: Tensor, options: { readonly alpha?: Scalar | undefined } = {}): Tensor {
  return made(call($add, self.handle, other.handle, options.alpha));
}

const $add_ = operator('aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)');
export function add_(self: Tensor, other: Tensor, options: { readonly alpha?: Scalar | undefined } = {}): Tensor {
  call($add_, self.handle, other.handle, options.alpha);
  return self;
}

const $addScalar = operator('aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor');
export function addScalar(self: Tensor, other: Scalar, alpha?: Scalar): Tensor {
  return made(call($addScalar, self.handle, other, alpha));
}

const $addScalar_ = operator('aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)');
export function addScalar_(self: Tensor, other: Scalar, alpha?: Scalar): Tensor {
  call($addScalar_, self.handle, other, alpha);
  return self;
}

const $sub = operator('aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor');
export function sub(self: Tensor, other: Tensor, options: { readonly alpha?: Scalar | undefined } = {}): Tensor {
  return made(call($sub, self.handle, other.handle, options.alpha));
}

const $sub_ = operator('aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)');
export function sub_(self: Tensor, other: Tensor, options: { readonly alpha?: Scalar | undefined } = {}): Tensor {
  call($sub_, self.handle, other.handle, options.alpha);
  return self;
}

const $subScalar = operator('aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor');
export function subScalar(self: Tensor, other: Scalar, alpha?: Scalar): Tensor {
  return made(call($subScalar, self.handle, other, alpha));
}

const $rsubScalar = operator('aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor');
export function rsubScalar(self: Tensor, other: Scalar, alpha?: Scalar): Tensor {
  return made(call($rsubScalar, self.handle, other, alpha));
}

const $mul = operator('aten::mul.Tensor(Tensor self, Tensor other) -> Tensor');
export function mul(self: Tensor, other: Tensor): Tensor {
  return made(call($mul, self.handle, other.handle));
}

const $mul_ = operator('aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)');
export function mul_(self: Tensor, other: Tensor): Tensor {
  call($mul_, self.handle, other.handle);
  return self;
}

const $mulScalar = operator('aten::mul.Scalar(Tensor self, Scalar other) -> Tensor');
export function mulScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($mulScalar, self.handle, other));
}

const $mulScalar_ = operator('aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)');
export function mulScalar_(self: Tensor, other: Scalar): Tensor {
  call($mulScalar_, self.handle, other);
  return self;
}

const $div = operator('aten::div.Tensor(Tensor self, Tensor other) -> Tensor');
export function div(self: Tensor, other: Tensor): Tensor {
  return made(call($div, self.handle, other.handle));
}

const $div_ = operator('aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)');
export function div_(self: Tensor, other: Tensor): Tensor {
  call($div_, self.handle, other.handle);
  return self;
}

const $divScalar = operator('aten::div.Scalar(Tensor self, Scalar other) -> Tensor');
export function divScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($divScalar, self.handle, other));
}

const $divScalar_ = operator('aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)');
export function divScalar_(self: Tensor, other: Scalar): Tensor {
  call($divScalar_, self.handle, other);
  return self;
}

const $divMode = operator('aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor');
export function divMode(self: Tensor, other: Tensor, options: { readonly roundingMode: string | null }): Tensor {
  return made(call($divMode, self.handle, other.handle, options.roundingMode));
}

const $divScalarMode = operator('aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor');
export function divScalarMode(self: Tensor, other: Scalar, options: { readonly roundingMode: string | null }): Tensor {
  return made(call($divScalarMode, self.handle, other, options.roundingMode));
}

const $remainderScalar = operator('aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor');
export function remainderScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($remainderScalar, self.handle, other));
}

const $addcmul = operator('aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor');
export function addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { readonly value?: Scalar | undefined } = {}): Tensor {
  return made(call($addcmul, self.handle, tensor1.handle, tensor2.handle, options.value));
}

const $addcmul_ = operator('aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)');
export function addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { readonly value?: Scalar | undefined } = {}): Tensor {
  call($addcmul_, self.handle, tensor1.handle, tensor2.handle, options.value);
  return self;
}

const $addcdiv_ = operator('aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)');
export function addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, options: { readonly value?: Scalar | undefined } = {}): Tensor {
  call($addcdiv_, self.handle, tensor1.handle, tensor2.handle, options.value);
  return self;
}

const $lerp_ = operator('aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)');
export function lerp_(self: Tensor, end: Tensor, weight: Scalar): Tensor {
  call($lerp_, self.handle, end.handle, weight);
  return self;
}

const $neg = operator('aten::neg(Tensor self) -> Tensor');
export function neg(self: Tensor): Tensor {
  return made(call($neg, self.handle));
}

const $abs = operator('aten::abs(Tensor self) -> Tensor');
export function abs(self: Tensor): Tensor {
  return made(call($abs, self.handle));
}

const $sign = operator('aten::sign(Tensor self) -> Tensor');
export function sign(self: Tensor): Tensor {
  return made(call($sign, self.handle));
}

const $square = operator('aten::square(Tensor self) -> Tensor');
export function square(self: Tensor): Tensor {
  return made(call($square, self.handle));
}

const $sqrt = operator('aten::sqrt(Tensor self) -> Tensor');
export function sqrt(self: Tensor): Tensor {
  return made(call($sqrt, self.handle));
}

const $sqrt_ = operator('aten::sqrt_(Tensor(a!) self) -> Tensor(a!)');
export function sqrt_(self: Tensor): Tensor {
  call($sqrt_, self.handle);
  return self;
}

const $rsqrt = operator('aten::rsqrt(Tensor self) -> Tensor');
export function rsqrt(self: Tensor): Tensor {
  return made(call($rsqrt, self.handle));
}

const $reciprocal = operator('aten::reciprocal(Tensor self) -> Tensor');
export function reciprocal(self: Tensor): Tensor {
  return made(call($reciprocal, self.handle));
}

const $pow = operator('aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor');
export function pow(self: Tensor, exponent: Tensor): Tensor {
  return made(call($pow, self.handle, exponent.handle));
}

const $powScalar = operator('aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor');
export function powScalar(self: Tensor, exponent: Scalar): Tensor {
  return made(call($powScalar, self.handle, exponent));
}

const $exp = operator('aten::exp(Tensor self) -> Tensor');
export function exp(self: Tensor): Tensor {
  return made(call($exp, self.handle));
}

const $exp_ = operator('aten::exp_(Tensor(a!) self) -> Tensor(a!)');
export function exp_(self: Tensor): Tensor {
  call($exp_, self.handle);
  return self;
}

const $exp2 = operator('aten::exp2(Tensor self) -> Tensor');
export function exp2(self: Tensor): Tensor {
  return made(call($exp2, self.handle));
}

const $log = operator('aten::log(Tensor self) -> Tensor');
export function log(self: Tensor): Tensor {
  return made(call($log, self.handle));
}

const $log2 = operator('aten::log2(Tensor self) -> Tensor');
export function log2(self: Tensor): Tensor {
  return made(call($log2, self.handle));
}

const $cos = operator('aten::cos(Tensor self) -> Tensor');
export function cos(self: Tensor): Tensor {
  return made(call($cos, self.handle));
}

const $sin = operator('aten::sin(Tensor self) -> Tensor');
export function sin(self: Tensor): Tensor {
  return made(call($sin, self.handle));
}

const $round = operator('aten::round(Tensor self) -> Tensor');
export function round(self: Tensor): Tensor {
  return made(call($round, self.handle));
}

const $floor = operator('aten::floor(Tensor self) -> Tensor');
export function floor(self: Tensor): Tensor {
  return made(call($floor, self.handle));
}

const $ceil = operator('aten::ceil(Tensor self) -> Tensor');
export function ceil(self: Tensor): Tensor {
  return made(call($ceil, self.handle));
}

const $clamp = operator('aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor');
export function clamp(self: Tensor, min?: Scalar | null, max?: Scalar | null): Tensor {
  return made(call($clamp, self.handle, min, max));
}

const $clamp_ = operator('aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)');
export function clamp_(self: Tensor, min?: Scalar | null, max?: Scalar | null): Tensor {
  call($clamp_, self.handle, min, max);
  return self;
}

const $maximum = operator('aten::maximum(Tensor self, Tensor other) -> Tensor');
export function maximum(self: Tensor, other: Tensor): Tensor {
  return made(call($maximum, self.handle, other.handle));
}

const $minimum = operator('aten::minimum(Tensor self, Tensor other) -> Tensor');
export function minimum(self: Tensor, other: Tensor): Tensor {
  return made(call($minimum, self.handle, other.handle));
}

const $bitwiseAndScalar = operator('aten::bitwise_and.Scalar(Tensor self, Scalar other) -> Tensor');
export function bitwiseAndScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($bitwiseAndScalar, self.handle, other));
}

const $bitwiseOr = operator('aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor');
export function bitwiseOr(self: Tensor, other: Tensor): Tensor {
  return made(call($bitwiseOr, self.handle, other.handle));
}

const $bitwiseXor = operator('aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor');
export function bitwiseXor(self: Tensor, other: Tensor): Tensor {
  return made(call($bitwiseXor, self.handle, other.handle));
}

const $bitwiseLeftShiftScalar = operator('aten::bitwise_left_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor');
export function bitwiseLeftShiftScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($bitwiseLeftShiftScalar, self.handle, other));
}

const $bitwiseRightShiftScalar = operator('aten::bitwise_right_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor');
export function bitwiseRightShiftScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($bitwiseRightShiftScalar, self.handle, other));
}

const $prelu = operator('aten::_prelu_kernel(Tensor self, Tensor weight) -> Tensor');
export function prelu(self: Tensor, weight: Tensor): Tensor {
  return made(call($prelu, self.handle, weight.handle));
}

const $tanh = operator('aten::tanh(Tensor self) -> Tensor');
export function tanh(self: Tensor): Tensor {
  return made(call($tanh, self.handle));
}

const $sigmoid = operator('aten::sigmoid(Tensor self) -> Tensor');
export function sigmoid(self: Tensor): Tensor {
  return made(call($sigmoid, self.handle));
}

const $silu = operator('aten::silu(Tensor self) -> Tensor');
export function silu(self: Tensor): Tensor {
  return made(call($silu, self.handle));
}

const $gelu = operator('aten::gelu(Tensor self, *, str approximate="none") -> Tensor');
export function gelu(self: Tensor, options: { readonly approximate?: string | undefined } = {}): Tensor {
  return made(call($gelu, self.handle, options.approximate));
}

const $relu = operator('aten::relu(Tensor self) -> Tensor');
export function relu(self: Tensor): Tensor {
  return made(call($relu, self.handle));
}

const $softplus = operator('aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor');
export function softplus(self: Tensor, beta?: Scalar, threshold?: Scalar): Tensor {
  return made(call($softplus, self.handle, beta, threshold));
}

const $logSigmoid = operator('aten::log_sigmoid(Tensor self) -> Tensor');
export function logSigmoid(self: Tensor): Tensor {
  return made(call($logSigmoid, self.handle));
}

const $softmax = operator('aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor');
export function softmax(self: Tensor, dim: number | bigint, dtype?: DType | null): Tensor {
  return made(call($softmax, self.handle, dim, dtype && dtypeCode(dtype)));
}

const $logSoftmax = operator('aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor');
export function logSoftmax(self: Tensor, dim: number | bigint, dtype?: DType | null): Tensor {
  return made(call($logSoftmax, self.handle, dim, dtype && dtypeCode(dtype)));
}

const $logsumexp = operator('aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor');
export function logsumexp(self: Tensor, dim: readonly (number | bigint)[], keepdim?: boolean): Tensor {
  return made(call($logsumexp, self.handle, dim, keepdim));
}

const $mm = operator('aten::mm(Tensor self, Tensor mat2) -> Tensor');
export function mm(self: Tensor, mat2: Tensor): Tensor {
  return made(call($mm, self.handle, mat2.handle));
}

const $bmm = operator('aten::bmm(Tensor self, Tensor mat2) -> Tensor');
export function bmm(self: Tensor, mat2: Tensor): Tensor {
  return made(call($bmm, self.handle, mat2.handle));
}

const $mv = operator('aten::mv(Tensor self, Tensor vec) -> Tensor');
export function mv(self: Tensor, vec: Tensor): Tensor {
  return made(call($mv, self.handle, vec.handle));
}

const $dot = operator('aten::dot(Tensor self, Tensor tensor) -> Tensor');
export function dot(self: Tensor, tensor: Tensor): Tensor {
  return made(call($dot, self.handle, tensor.handle));
}

const $outer = operator('aten::outer(Tensor self, Tensor vec2) -> Tensor');
export function outer(self: Tensor, vec2: Tensor): Tensor {
  return made(call($outer, self.handle, vec2.handle));
}

const $matmul = operator('aten::matmul(Tensor self, Tensor other) -> Tensor');
export function matmul(self: Tensor, other: Tensor): Tensor {
  return made(call($matmul, self.handle, other.handle));
}

const $einsum = operator('aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor');
export function einsum(equation: string, tensors: readonly Tensor[], options: { readonly path?: readonly (number | bigint)[] | null | undefined } = {}): Tensor {
  return made(call($einsum, equation, handlesOf(tensors), options.path));
}

const $addmm = operator('aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor');
export function addmm(self: Tensor, mat1: Tensor, mat2: Tensor, options: { readonly beta?: Scalar | undefined; readonly alpha?: Scalar | undefined } = {}): Tensor {
  return made(call($addmm, self.handle, mat1.handle, mat2.handle, options.beta, options.alpha));
}

const $addmm_ = operator('aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)');
export function addmm_(self: Tensor, mat1: Tensor, mat2: Tensor, options: { readonly beta?: Scalar | undefined; readonly alpha?: Scalar | undefined } = {}): Tensor {
  call($addmm_, self.handle, mat1.handle, mat2.handle, options.beta, options.alpha);
  return self;
}

const $baddbmm = operator('aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor');
export function baddbmm(self: Tensor, batch1: Tensor, batch2: Tensor, options: { readonly beta?: Scalar | undefined; readonly alpha?: Scalar | undefined } = {}): Tensor {
  return made(call($baddbmm, self.handle, batch1.handle, batch2.handle, options.beta, options.alpha));
}

const $linear = operator('anneal::linear(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor');
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  return made(call($linear, x.handle, weight.handle, bias?.handle));
}

const $linearDw_ = operator('anneal::linear_dw_(Tensor(a!) out, Tensor dy, Tensor x, *, float alpha=1.) -> Tensor(a!)');
export function linearDw_(out: Tensor, dy: Tensor, x: Tensor, options: { readonly alpha?: number | undefined } = {}): Tensor {
  call($linearDw_, out.handle, dy.handle, x.handle, options.alpha);
  return out;
}

const $atenLinear = operator('aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor');
export function atenLinear(input: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  return made(call($atenLinear, input.handle, weight.handle, bias?.handle));
}

const $intMm = operator('aten::_int_mm(Tensor self, Tensor mat2) -> Tensor');
export function intMm(self: Tensor, mat2: Tensor): Tensor {
  return made(call($intMm, self.handle, mat2.handle));
}

const $scaledMm = operator('aten::_scaled_mm(Tensor self, Tensor mat2, Tensor scale_a, Tensor scale_b, Tensor? bias=None, Tensor? scale_result=None, ScalarType? out_dtype=None, bool use_fast_accum=False) -> Tensor');
export function scaledMm(self: Tensor, mat2: Tensor, scaleA: Tensor, scaleB: Tensor, bias?: Tensor | null, scaleResult?: Tensor | null, outDtype?: DType | null, useFastAccum?: boolean): Tensor {
  return made(call($scaledMm, self.handle, mat2.handle, scaleA.handle, scaleB.handle, bias?.handle, scaleResult?.handle, outDtype && dtypeCode(outDtype), useFastAccum));
}

const $scaledDotProductAttention = operator('aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor');
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, attnMask?: Tensor | null, dropoutP?: number, isCausal?: boolean, options: { readonly scale?: number | null | undefined; readonly enableGqa?: boolean | undefined } = {}): Tensor {
  return made(call($scaledDotProductAttention, query.handle, key.handle, value.handle, attnMask?.handle, dropoutP, isCausal, options.scale, options.enableGqa));
}

const $mkldnnReorderLinearWeight = operator('mkldnn::_reorder_linear_weight(Tensor self, int? batch_size=None) -> Tensor Y');
export function mkldnnReorderLinearWeight(self: Tensor, batchSize?: number | bigint | null): Tensor {
  return made(call($mkldnnReorderLinearWeight, self.handle, batchSize));
}

const $mkldnnLinearPointwise = operator('mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor Y');
export function mkldnnLinearPointwise(X: Tensor, W: Tensor, B: Tensor | null, attr: string, scalars: readonly (Scalar | null)[], algorithm: string | null): Tensor {
  return made(call($mkldnnLinearPointwise, X.handle, W.handle, B?.handle, attr, scalars, algorithm));
}

const $t = operator('aten::t(Tensor(a) self) -> Tensor(a)');
export function t(self: Tensor): Tensor {
  return made(call($t, self.handle));
}

const $transpose = operator('aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)');
export function transpose(self: Tensor, dim0: number | bigint, dim1: number | bigint): Tensor {
  return made(call($transpose, self.handle, dim0, dim1));
}

const $permute = operator('aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)');
export function permute(self: Tensor, dims: readonly (number | bigint)[]): Tensor {
  return made(call($permute, self.handle, dims));
}

const $view = operator('aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)');
export function view(self: Tensor, size: readonly number[]): Tensor {
  return made(call($view, self.handle, size));
}

const $viewDtype = operator('aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)');
export function viewDtype(self: Tensor, dtype: DType): Tensor {
  return made(call($viewDtype, self.handle, dtypeCode(dtype)));
}

const $reshape = operator('aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)');
export function reshape(self: Tensor, shape: readonly number[]): Tensor {
  return made(call($reshape, self.handle, shape));
}

const $flatten = operator('aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)');
export function flatten(self: Tensor, startDim?: number | bigint, endDim?: number | bigint): Tensor {
  return made(call($flatten, self.handle, startDim, endDim));
}

const $unflatten = operator('aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)');
export function unflatten(self: Tensor, dim: number | bigint, sizes: readonly number[]): Tensor {
  return made(call($unflatten, self.handle, dim, sizes));
}

const $squeeze = operator('aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)');
export function squeeze(self: Tensor, dim: number | bigint): Tensor {
  return made(call($squeeze, self.handle, dim));
}

const $unsqueeze = operator('aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)');
export function unsqueeze(self: Tensor, dim: number | bigint): Tensor {
  return made(call($unsqueeze, self.handle, dim));
}

const $expand = operator('aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)');
export function expand(self: Tensor, size: readonly number[], options: { readonly implicit?: boolean | undefined } = {}): Tensor {
  return made(call($expand, self.handle, size, options.implicit));
}

const $repeat = operator('aten::repeat(Tensor self, SymInt[] repeats) -> Tensor');
export function repeat(self: Tensor, repeats: readonly number[]): Tensor {
  return made(call($repeat, self.handle, repeats));
}

const $repeatInterleave = operator('aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor');
export function repeatInterleave(self: Tensor, repeats: number | bigint, dim?: number | bigint | null, options: { readonly outputSize?: number | bigint | null | undefined } = {}): Tensor {
  return made(call($repeatInterleave, self.handle, repeats, dim, options.outputSize));
}

const $repeatInterleaveTensor = operator('aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor');
export function repeatInterleaveTensor(self: Tensor, repeats: Tensor, dim?: number | bigint | null, options: { readonly outputSize?: number | bigint | null | undefined } = {}): Tensor {
  return made(call($repeatInterleaveTensor, self.handle, repeats.handle, dim, options.outputSize));
}

const $flip = operator('aten::flip(Tensor self, int[] dims) -> Tensor');
export function flip(self: Tensor, dims: readonly (number | bigint)[]): Tensor {
  return made(call($flip, self.handle, dims));
}

const $roll = operator('aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor');
export function roll(self: Tensor, shifts: readonly number[], dims?: readonly (number | bigint)[]): Tensor {
  return made(call($roll, self.handle, shifts, dims));
}

const $contiguous = operator('aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)');
export function contiguous(self: Tensor): Tensor {
  return made(call($contiguous, self.handle));
}

const $detach = operator('aten::detach(Tensor(a) self) -> Tensor(a)');
export function detach(self: Tensor): Tensor {
  return made(call($detach, self.handle));
}

const $asStrided = operator('aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)');
export function asStrided(self: Tensor, size: readonly number[], stride: readonly number[], storageOffset?: number | bigint | null): Tensor {
  return made(call($asStrided, self.handle, size, stride, storageOffset));
}

const $narrow = operator('aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)');
export function narrow(self: Tensor, dim: number | bigint, start: number | bigint, length: number | bigint): Tensor {
  return made(call($narrow, self.handle, dim, start, length));
}

const $slice = operator('aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)');
export function slice(self: Tensor, dim?: number | bigint, start?: number | bigint | null, end?: number | bigint | null, step?: number | bigint): Tensor {
  return made(call($slice, self.handle, dim, start, end, step));
}

const $select = operator('aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)');
export function select(self: Tensor, dim: number | bigint, index: number | bigint): Tensor {
  return made(call($select, self.handle, dim, index));
}

const $split = operator('aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]');
export function split(self: Tensor, splitSize: number | bigint, dim?: number | bigint): Tensor[] {
  return madeList(call($split, self.handle, splitSize, dim));
}

const $splitSizes = operator('aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]');
export function splitSizes(self: Tensor, splitSizes: readonly number[], dim?: number | bigint): Tensor[] {
  return madeList(call($splitSizes, self.handle, splitSizes, dim));
}

const $chunk = operator('aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]');
export function chunk(self: Tensor, chunks: number | bigint, dim?: number | bigint): Tensor[] {
  return madeList(call($chunk, self.handle, chunks, dim));
}

const $unbind = operator('aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]');
export function unbind(self: Tensor, dim?: number | bigint): Tensor[] {
  return madeList(call($unbind, self.handle, dim));
}

const $cat = operator('aten::cat(Tensor[] tensors, int dim=0) -> Tensor');
export function cat(tensors: readonly Tensor[], dim?: number | bigint): Tensor {
  return made(call($cat, handlesOf(tensors), dim));
}

const $stack = operator('aten::stack(Tensor[] tensors, int dim=0) -> Tensor');
export function stack(tensors: readonly Tensor[], dim?: number | bigint): Tensor {
  return made(call($stack, handlesOf(tensors), dim));
}

const $index = operator('aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor');
export function index(self: Tensor, indices: readonly (Tensor | null)[]): Tensor {
  return made(call($index, self.handle, optionalHandlesOf(indices)));
}

const $indexSelect = operator('aten::index_select(Tensor self, int dim, Tensor index) -> Tensor');
export function indexSelect(self: Tensor, dim: number | bigint, index: Tensor): Tensor {
  return made(call($indexSelect, self.handle, dim, index.handle));
}

const $indexAdd_ = operator('aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)');
export function indexAdd_(self: Tensor, dim: number | bigint, index: Tensor, source: Tensor, options: { readonly alpha?: Scalar | undefined } = {}): Tensor {
  call($indexAdd_, self.handle, dim, index.handle, source.handle, options.alpha);
  return self;
}

const $indexCopy_ = operator('aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)');
export function indexCopy_(self: Tensor, dim: number | bigint, index: Tensor, source: Tensor): Tensor {
  call($indexCopy_, self.handle, dim, index.handle, source.handle);
  return self;
}

const $indexFill_ = operator('aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)');
export function indexFill_(self: Tensor, dim: number | bigint, index: Tensor, value: Scalar): Tensor {
  call($indexFill_, self.handle, dim, index.handle, value);
  return self;
}

const $gather = operator('aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor');
export function gather(self: Tensor, dim: number | bigint, index: Tensor, options: { readonly sparseGrad?: boolean | undefined } = {}): Tensor {
  return made(call($gather, self.handle, dim, index.handle, options.sparseGrad));
}

const $scatter_ = operator('aten::scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)');
export function scatter_(self: Tensor, dim: number | bigint, index: Tensor, src: Tensor): Tensor {
  call($scatter_, self.handle, dim, index.handle, src.handle);
  return self;
}

const $scatterScalar_ = operator('aten::scatter_.value(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)');
export function scatterScalar_(self: Tensor, dim: number | bigint, index: Tensor, value: Scalar): Tensor {
  call($scatterScalar_, self.handle, dim, index.handle, value);
  return self;
}

const $scatterAdd_ = operator('aten::scatter_add_(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)');
export function scatterAdd_(self: Tensor, dim: number | bigint, index: Tensor, src: Tensor): Tensor {
  call($scatterAdd_, self.handle, dim, index.handle, src.handle);
  return self;
}

const $scatterReduce_ = operator('aten::scatter_reduce_.two(Tensor(a!) self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor(a!)');
export function scatterReduce_(self: Tensor, dim: number | bigint, index: Tensor, src: Tensor, reduce: string, options: { readonly includeSelf?: boolean | undefined } = {}): Tensor {
  call($scatterReduce_, self.handle, dim, index.handle, src.handle, reduce, options.includeSelf);
  return self;
}

const $embedding = operator('aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor');
export function embedding(weight: Tensor, indices: Tensor, paddingIdx?: number | bigint, scaleGradByFreq?: boolean, sparse?: boolean): Tensor {
  return made(call($embedding, weight.handle, indices.handle, paddingIdx, scaleGradByFreq, sparse));
}

const $diag = operator('aten::diag(Tensor self, int diagonal=0) -> Tensor');
export function diag(self: Tensor, diagonal?: number | bigint): Tensor {
  return made(call($diag, self.handle, diagonal));
}

const $triu = operator('aten::triu(Tensor self, SymInt diagonal=0) -> Tensor');
export function triu(self: Tensor, diagonal?: number | bigint): Tensor {
  return made(call($triu, self.handle, diagonal));
}

const $tril = operator('aten::tril(Tensor self, SymInt diagonal=0) -> Tensor');
export function tril(self: Tensor, diagonal?: number | bigint): Tensor {
  return made(call($tril, self.handle, diagonal));
}

const $empty = operator('aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor');
export function empty(size: readonly number[], options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($empty, size, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $zeros = operator('aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor');
export function zeros(size: readonly number[], options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($zeros, size, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $ones = operator('aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor');
export function ones(size: readonly number[], options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($ones, size, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $full = operator('aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor');
export function full(size: readonly number[], fillValue: Scalar, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($full, size, fillValue, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $eye = operator('aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor');
export function eye(n: number | bigint, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($eye, n, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $arange = operator('aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor');
export function arange(start: Scalar, end: Scalar, step?: Scalar, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($arange, start, end, step, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $linspace = operator('aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor');
export function linspace(start: Scalar, end: Scalar, steps: number | bigint, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($linspace, start, end, steps, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $emptyLike = operator('aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor');
export function emptyLike(self: Tensor, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($emptyLike, self.handle, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $zerosLike = operator('aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor');
export function zerosLike(self: Tensor, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($zerosLike, self.handle, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $onesLike = operator('aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor');
export function onesLike(self: Tensor, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($onesLike, self.handle, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $fullLike = operator('aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor');
export function fullLike(self: Tensor, fillValue: Scalar, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}): Tensor {
  return made(call($fullLike, self.handle, fillValue, options.dtype && dtypeCode(options.dtype), undefined, options.device));
}

const $clone = operator('aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor');
export function clone(self: Tensor): Tensor {
  return made(call($clone, self.handle));
}

const $copy_ = operator('aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)');
export function copy_(self: Tensor, src: Tensor, nonBlocking?: boolean): Tensor {
  call($copy_, self.handle, src.handle, nonBlocking);
  return self;
}

const $zero_ = operator('aten::zero_(Tensor(a!) self) -> Tensor(a!)');
export function zero_(self: Tensor): Tensor {
  call($zero_, self.handle);
  return self;
}

const $fill_ = operator('aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)');
export function fill_(self: Tensor, value: Scalar): Tensor {
  call($fill_, self.handle, value);
  return self;
}

const $to = operator('aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)');
export function to(self: Tensor, dtype: DType, nonBlocking?: boolean, copy?: boolean): Tensor {
  return made(call($to, self.handle, dtypeCode(dtype), nonBlocking, copy));
}

const $toDevice = operator('aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)');
export function toDevice(self: Tensor, device: Device, dtype: DType, nonBlocking?: boolean, copy?: boolean): Tensor {
  return made(call($toDevice, self.handle, device, dtypeCode(dtype), nonBlocking, copy));
}

const $toCopy = operator('aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor');
export function toCopy(self: Tensor, options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined; readonly nonBlocking?: boolean | undefined } = {}): Tensor {
  return made(call($toCopy, self.handle, options.dtype && dtypeCode(options.dtype), undefined, options.device, undefined, options.nonBlocking));
}

const $sum = operator('aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor');
export function sum(self: Tensor, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($sum, self.handle, options.dtype && dtypeCode(options.dtype)));
}

const $sumDim = operator('aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor');
export function sumDim(self: Tensor, dim: readonly (number | bigint)[] | null, keepdim?: boolean, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($sumDim, self.handle, dim, keepdim, options.dtype && dtypeCode(options.dtype)));
}

const $mean = operator('aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor');
export function mean(self: Tensor, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($mean, self.handle, options.dtype && dtypeCode(options.dtype)));
}

const $meanDim = operator('aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor');
export function meanDim(self: Tensor, dim: readonly (number | bigint)[] | null, keepdim?: boolean, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($meanDim, self.handle, dim, keepdim, options.dtype && dtypeCode(options.dtype)));
}

const $varDim = operator('aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor');
export function varDim(self: Tensor, dim?: readonly (number | bigint)[] | null, options: { readonly correction?: Scalar | null | undefined; readonly keepdim?: boolean | undefined } = {}): Tensor {
  return made(call($varDim, self.handle, dim, options.correction, options.keepdim));
}

const $prod = operator('aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor');
export function prod(self: Tensor, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($prod, self.handle, options.dtype && dtypeCode(options.dtype)));
}

const $amax = operator('aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor');
export function amax(self: Tensor, dim?: readonly (number | bigint)[], keepdim?: boolean): Tensor {
  return made(call($amax, self.handle, dim, keepdim));
}

const $amin = operator('aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor');
export function amin(self: Tensor, dim?: readonly (number | bigint)[], keepdim?: boolean): Tensor {
  return made(call($amin, self.handle, dim, keepdim));
}

const $aminmax = operator('aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)');
export function aminmax(self: Tensor, options: { readonly dim?: number | bigint | null | undefined; readonly keepdim?: boolean | undefined } = {}): [min: Tensor, max: Tensor] {
  const [made0, made1] = results(call($aminmax, self.handle, options.dim, options.keepdim));
  return [made(made0), made(made1)];
}

const $argmax = operator('aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor');
export function argmax(self: Tensor, dim?: number | bigint | null, keepdim?: boolean): Tensor {
  return made(call($argmax, self.handle, dim, keepdim));
}

const $argmin = operator('aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor');
export function argmin(self: Tensor, dim?: number | bigint | null, keepdim?: boolean): Tensor {
  return made(call($argmin, self.handle, dim, keepdim));
}

const $cumsum = operator('aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor');
export function cumsum(self: Tensor, dim: number | bigint, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($cumsum, self.handle, dim, options.dtype && dtypeCode(options.dtype)));
}

const $linalgVectorNorm = operator('aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor');
export function linalgVectorNorm(self: Tensor, ord?: Scalar, dim?: readonly (number | bigint)[] | null, keepdim?: boolean, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($linalgVectorNorm, self.handle, ord, dim, keepdim, options.dtype && dtypeCode(options.dtype)));
}

const $all = operator('aten::all(Tensor self) -> Tensor');
export function all(self: Tensor): Tensor {
  return made(call($all, self.handle));
}

const $any = operator('aten::any(Tensor self) -> Tensor');
export function any(self: Tensor): Tensor {
  return made(call($any, self.handle));
}

const $bincount = operator('aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor');
export function bincount(self: Tensor, weights?: Tensor | null, minlength?: number | bigint): Tensor {
  return made(call($bincount, self.handle, weights?.handle, minlength));
}

const $eq = operator('aten::eq.Tensor(Tensor self, Tensor other) -> Tensor');
export function eq(self: Tensor, other: Tensor): Tensor {
  return made(call($eq, self.handle, other.handle));
}

const $eqScalar = operator('aten::eq.Scalar(Tensor self, Scalar other) -> Tensor');
export function eqScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($eqScalar, self.handle, other));
}

const $ne = operator('aten::ne.Tensor(Tensor self, Tensor other) -> Tensor');
export function ne(self: Tensor, other: Tensor): Tensor {
  return made(call($ne, self.handle, other.handle));
}

const $neScalar = operator('aten::ne.Scalar(Tensor self, Scalar other) -> Tensor');
export function neScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($neScalar, self.handle, other));
}

const $lt = operator('aten::lt.Tensor(Tensor self, Tensor other) -> Tensor');
export function lt(self: Tensor, other: Tensor): Tensor {
  return made(call($lt, self.handle, other.handle));
}

const $ltScalar = operator('aten::lt.Scalar(Tensor self, Scalar other) -> Tensor');
export function ltScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($ltScalar, self.handle, other));
}

const $le = operator('aten::le.Tensor(Tensor self, Tensor other) -> Tensor');
export function le(self: Tensor, other: Tensor): Tensor {
  return made(call($le, self.handle, other.handle));
}

const $leScalar = operator('aten::le.Scalar(Tensor self, Scalar other) -> Tensor');
export function leScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($leScalar, self.handle, other));
}

const $gt = operator('aten::gt.Tensor(Tensor self, Tensor other) -> Tensor');
export function gt(self: Tensor, other: Tensor): Tensor {
  return made(call($gt, self.handle, other.handle));
}

const $gtScalar = operator('aten::gt.Scalar(Tensor self, Scalar other) -> Tensor');
export function gtScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($gtScalar, self.handle, other));
}

const $ge = operator('aten::ge.Tensor(Tensor self, Tensor other) -> Tensor');
export function ge(self: Tensor, other: Tensor): Tensor {
  return made(call($ge, self.handle, other.handle));
}

const $geScalar = operator('aten::ge.Scalar(Tensor self, Scalar other) -> Tensor');
export function geScalar(self: Tensor, other: Scalar): Tensor {
  return made(call($geScalar, self.handle, other));
}

const $logicalAnd = operator('aten::logical_and(Tensor self, Tensor other) -> Tensor');
export function logicalAnd(self: Tensor, other: Tensor): Tensor {
  return made(call($logicalAnd, self.handle, other.handle));
}

const $logicalOr = operator('aten::logical_or(Tensor self, Tensor other) -> Tensor');
export function logicalOr(self: Tensor, other: Tensor): Tensor {
  return made(call($logicalOr, self.handle, other.handle));
}

const $logicalNot = operator('aten::logical_not(Tensor self) -> Tensor');
export function logicalNot(self: Tensor): Tensor {
  return made(call($logicalNot, self.handle));
}

const $isfinite = operator('aten::isfinite(Tensor self) -> Tensor');
export function isfinite(self: Tensor): Tensor {
  return made(call($isfinite, self.handle));
}

const $isnan = operator('aten::isnan(Tensor self) -> Tensor');
export function isnan(self: Tensor): Tensor {
  return made(call($isnan, self.handle));
}

const $where = operator('aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor');
export function where(condition: Tensor, self: Tensor, other: Tensor): Tensor {
  return made(call($where, condition.handle, self.handle, other.handle));
}

const $whereScalarOther = operator('aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor');
export function whereScalarOther(condition: Tensor, self: Tensor, other: Scalar): Tensor {
  return made(call($whereScalarOther, condition.handle, self.handle, other));
}

const $maskedFill = operator('aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor');
export function maskedFill(self: Tensor, mask: Tensor, value: Scalar): Tensor {
  return made(call($maskedFill, self.handle, mask.handle, value));
}

const $maskedFill_ = operator('aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)');
export function maskedFill_(self: Tensor, mask: Tensor, value: Scalar): Tensor {
  call($maskedFill_, self.handle, mask.handle, value);
  return self;
}

const $maskedSelect = operator('aten::masked_select(Tensor self, Tensor mask) -> Tensor');
export function maskedSelect(self: Tensor, mask: Tensor): Tensor {
  return made(call($maskedSelect, self.handle, mask.handle));
}

const $nonzero = operator('aten::nonzero(Tensor self) -> Tensor');
export function nonzero(self: Tensor): Tensor {
  return made(call($nonzero, self.handle));
}

const $sort = operator('aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)');
export function sort(self: Tensor, dim?: number | bigint, descending?: boolean): [values: Tensor, indices: Tensor] {
  const [made0, made1] = results(call($sort, self.handle, dim, descending));
  return [made(made0), made(made1)];
}

const $sortStable = operator('aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)');
export function sortStable(self: Tensor, options: { readonly stable: boolean | null; readonly dim?: number | bigint | undefined; readonly descending?: boolean | undefined }): [values: Tensor, indices: Tensor] {
  const [made0, made1] = results(call($sortStable, self.handle, options.stable, options.dim, options.descending));
  return [made(made0), made(made1)];
}

const $argsort = operator('aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor');
export function argsort(self: Tensor, dim?: number | bigint, descending?: boolean): Tensor {
  return made(call($argsort, self.handle, dim, descending));
}

const $topk = operator('aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)');
export function topk(self: Tensor, k: number | bigint, dim?: number | bigint, largest?: boolean, sorted?: boolean): [values: Tensor, indices: Tensor] {
  const [made0, made1] = results(call($topk, self.handle, k, dim, largest, sorted));
  return [made(made0), made(made1)];
}

const $kthvalue = operator('aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)');
export function kthvalue(self: Tensor, k: number | bigint, dim?: number | bigint, keepdim?: boolean): [values: Tensor, indices: Tensor] {
  const [made0, made1] = results(call($kthvalue, self.handle, k, dim, keepdim));
  return [made(made0), made(made1)];
}

const $searchsorted = operator('aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor');
export function searchsorted(sortedSequence: Tensor, self: Tensor, options: { readonly outInt32?: boolean | undefined; readonly right?: boolean | undefined; readonly side?: string | null | undefined; readonly sorter?: Tensor | null | undefined } = {}): Tensor {
  return made(call($searchsorted, sortedSequence.handle, self.handle, options.outInt32, options.right, options.side, options.sorter?.handle));
}

const $bucketize = operator('aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor');
export function bucketize(self: Tensor, boundaries: Tensor, options: { readonly outInt32?: boolean | undefined; readonly right?: boolean | undefined } = {}): Tensor {
  return made(call($bucketize, self.handle, boundaries.handle, options.outInt32, options.right));
}

const $linalgQr = operator('aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)');
export function linalgQr(A: Tensor, mode?: string): [Q: Tensor, R: Tensor] {
  const [made0, made1] = results(call($linalgQr, A.handle, mode));
  return [made(made0), made(made1)];
}

const $linalgLuFactor = operator('aten::linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)');
export function linalgLuFactor(A: Tensor, options: { readonly pivot?: boolean | undefined } = {}): [LU: Tensor, pivots: Tensor] {
  const [made0, made1] = results(call($linalgLuFactor, A.handle, options.pivot));
  return [made(made0), made(made1)];
}

const $diagonal = operator('aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)');
export function diagonal(self: Tensor, offset?: number | bigint, dim1?: number | bigint, dim2?: number | bigint): Tensor {
  return made(call($diagonal, self.handle, offset, dim1, dim2));
}

const $linalgSvd = operator('aten::linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)');
export function linalgSvd(A: Tensor, fullMatrices?: boolean, options: { readonly driver?: string | null | undefined } = {}): [U: Tensor, S: Tensor, Vh: Tensor] {
  const [made0, made1, made2] = results(call($linalgSvd, A.handle, fullMatrices, options.driver));
  return [made(made0), made(made1), made(made2)];
}

const $linalgEigh = operator('aten::linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)');
export function linalgEigh(self: Tensor, UPLO?: string): [eigenvalues: Tensor, eigenvectors: Tensor] {
  const [made0, made1] = results(call($linalgEigh, self.handle, UPLO));
  return [made(made0), made(made1)];
}

const $linalgCholesky = operator('aten::linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)');
export function linalgCholesky(self: Tensor, options: { readonly upper?: boolean | undefined; readonly checkErrors?: boolean | undefined } = {}): [L: Tensor, info: Tensor] {
  const [made0, made1] = results(call($linalgCholesky, self.handle, options.upper, options.checkErrors));
  return [made(made0), made(made1)];
}

const $linalgSolveTriangular = operator('aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor');
export function linalgSolveTriangular(self: Tensor, B: Tensor, options: { readonly upper: boolean; readonly left?: boolean | undefined; readonly unitriangular?: boolean | undefined }): Tensor {
  return made(call($linalgSolveTriangular, self.handle, B.handle, options.upper, options.left, options.unitriangular));
}

const $choleskyInverse = operator('aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor');
export function choleskyInverse(self: Tensor, upper?: boolean): Tensor {
  return made(call($choleskyInverse, self.handle, upper));
}

const $nllLoss = operator('aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor');
export function nllLoss(self: Tensor, target: Tensor, weight?: Tensor | null, reduction?: number | bigint, ignoreIndex?: number | bigint): Tensor {
  return made(call($nllLoss, self.handle, target.handle, weight?.handle, reduction, ignoreIndex));
}

const $crossEntropyLoss = operator('aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor');
export function crossEntropyLoss(self: Tensor, target: Tensor, weight?: Tensor | null, reduction?: number | bigint, ignoreIndex?: number | bigint, labelSmoothing?: number): Tensor {
  return made(call($crossEntropyLoss, self.handle, target.handle, weight?.handle, reduction, ignoreIndex, labelSmoothing));
}

const $rmsNormReference = operator('aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor');
export function rmsNormReference(input: Tensor, normalizedShape: readonly number[], weight?: Tensor | null, eps?: number | null): Tensor {
  return made(call($rmsNormReference, input.handle, normalizedShape, weight?.handle, eps));
}

const $conv1d = operator('aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor');
export function conv1d(input: Tensor, weight: Tensor, bias?: Tensor | null, stride?: readonly number[], padding?: readonly number[], dilation?: readonly number[], groups?: number | bigint): Tensor {
  return made(call($conv1d, input.handle, weight.handle, bias?.handle, stride, padding, dilation, groups));
}

const $convTranspose1d = operator('aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor');
export function convTranspose1d(input: Tensor, weight: Tensor, bias?: Tensor | null, stride?: readonly number[], padding?: readonly number[], outputPadding?: readonly number[], groups?: number | bigint, dilation?: readonly number[]): Tensor {
  return made(call($convTranspose1d, input.handle, weight.handle, bias?.handle, stride, padding, outputPadding, groups, dilation));
}

const $erfinv = operator('aten::erfinv(Tensor self) -> Tensor');
export function erfinv(self: Tensor): Tensor {
  return made(call($erfinv, self.handle));
}

const $fusedAdamw_ = operator('aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()');
export function fusedAdamw_(self: readonly Tensor[], grads: readonly Tensor[], expAvgs: readonly Tensor[], expAvgSqs: readonly Tensor[], maxExpAvgSqs: readonly Tensor[], stateSteps: readonly Tensor[], options: { readonly lr: number; readonly beta1: number; readonly beta2: number; readonly weightDecay: number; readonly eps: number; readonly amsgrad: boolean; readonly maximize: boolean; readonly gradScale?: Tensor | null | undefined; readonly foundInf?: Tensor | null | undefined }): void {
  call($fusedAdamw_, handlesOf(self), handlesOf(grads), handlesOf(expAvgs), handlesOf(expAvgSqs), handlesOf(maxExpAvgSqs), handlesOf(stateSteps), options.lr, options.beta1, options.beta2, options.weightDecay, options.eps, options.amsgrad, options.maximize, options.gradScale?.handle, options.foundInf?.handle);
}

const $chooseIsa = operator('anneal::choose_isa(str? name=None) -> str');
export function chooseIsa(name?: string | null): string {
  return call($chooseIsa, name) as string;
}

const $adamw_ = operator('anneal::adamw_(Tensor(a!) param, Tensor grad, Tensor(b!) exp_avg, Tensor(c!) exp_avg_sq, Tensor(d!)? master=None, *, float lr, float beta1, float beta2, float eps, float weight_decay, int step, float grad_scale=1., int? rounding_key=None) -> ()');
export function adamw_(param: Tensor, grad: Tensor, expAvg: Tensor, expAvgSq: Tensor, master: Tensor | null | undefined, options: { readonly lr: number; readonly beta1: number; readonly beta2: number; readonly eps: number; readonly weightDecay: number; readonly step: number | bigint; readonly gradScale?: number | undefined; readonly roundingKey?: number | bigint | null | undefined }): void {
  call($adamw_, param.handle, grad.handle, expAvg.handle, expAvgSq.handle, master?.handle, options.lr, options.beta1, options.beta2, options.eps, options.weightDecay, options.step, options.gradScale, options.roundingKey);
}

const $philoxUniform_ = operator('anneal::philox_uniform_(Tensor(a!) self, int key, float low=0., float high=1.) -> Tensor(a!)');
export function philoxUniform_(self: Tensor, key: number | bigint, low?: number, high?: number): Tensor {
  call($philoxUniform_, self.handle, key, low, high);
  return self;
}

const $philoxMask_ = operator('anneal::philox_mask_(Tensor(a!) self, int key, float keep) -> Tensor(a!)');
export function philoxMask_(self: Tensor, key: number | bigint, keep: number): Tensor {
  call($philoxMask_, self.handle, key, keep);
  return self;
}

const $philoxNormal_ = operator('anneal::philox_normal_(Tensor(a!) self, int key, float mean=0., float std=1.) -> Tensor(a!)');
export function philoxNormal_(self: Tensor, key: number | bigint, mean?: number, std?: number): Tensor {
  call($philoxNormal_, self.handle, key, mean, std);
  return self;
}

const $rmsNorm = operator('anneal::rms_norm(Tensor x, Tensor weight, float eps, float offset=0.) -> Tensor');
export function rmsNorm(x: Tensor, weight: Tensor, eps: number, offset?: number): Tensor {
  return made(call($rmsNorm, x.handle, weight.handle, eps, offset));
}

const $layerNorm = operator('anneal::layer_norm(Tensor x, Tensor weight, Tensor bias, float eps) -> Tensor');
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return made(call($layerNorm, x.handle, weight.handle, bias.handle, eps));
}

const $rope = operator('anneal::rope(Tensor x, Tensor cos, Tensor sin) -> Tensor');
export function rope(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  return made(call($rope, x.handle, cos.handle, sin.handle));
}

const $patches = operator('anneal::patches(Tensor x, int height, int width, int kernel) -> Tensor');
export function patches(x: Tensor, height: number | bigint, width: number | bigint, kernel: number | bigint): Tensor {
  return made(call($patches, x.handle, height, width, kernel));
}

const $swiglu = operator('anneal::swiglu(Tensor gate, Tensor up, int activation=0) -> Tensor');
export function swiglu(gate: Tensor, up: Tensor, activation?: number | bigint): Tensor {
  return made(call($swiglu, gate.handle, up.handle, activation));
}

const $swigluBackward = operator('anneal::_swiglu_backward(Tensor grad, Tensor gate, Tensor up, int activation) -> (Tensor dgate, Tensor dup)');
export function swigluBackward(grad: Tensor, gate: Tensor, up: Tensor, activation: number | bigint): [dgate: Tensor, dup: Tensor] {
  const [made0, made1] = results(call($swigluBackward, grad.handle, gate.handle, up.handle, activation));
  return [made(made0), made(made1)];
}

const $attention = operator('anneal::attention(Tensor q, Tensor k, Tensor v, Tensor cu, float scale, int window=0, float cap=0., *, bool causal=True, Tensor? cu_k=None) -> Tensor');
export function attention(q: Tensor, k: Tensor, v: Tensor, cu: Tensor, scale: number, window?: number | bigint, cap?: number, options: { readonly causal?: boolean | undefined; readonly cuK?: Tensor | null | undefined } = {}): Tensor {
  return made(call($attention, q.handle, k.handle, v.handle, cu.handle, scale, window, cap, options.causal, options.cuK?.handle));
}

const $headNll = operator('anneal::head_nll(Tensor h, Tensor weight, Tensor labels, *, float inv_n=1., int chunk=0, float scale=1., float cap=0., float smoothing=0., float z_loss=0., bool need_dh=True, Tensor? row_weight=None, Tensor(a!)? dweight=None) -> (Tensor nll, Tensor sums, Tensor dh)');
export function headNll(h: Tensor, weight: Tensor, labels: Tensor, options: { readonly invN?: number | undefined; readonly chunk?: number | bigint | undefined; readonly scale?: number | undefined; readonly cap?: number | undefined; readonly smoothing?: number | undefined; readonly zLoss?: number | undefined; readonly needDh?: boolean | undefined; readonly rowWeight?: Tensor | null | undefined; readonly dweight?: Tensor | null | undefined } = {}): [nll: Tensor, sums: Tensor, dh: Tensor] {
  const [made0, made1, made2] = results(call($headNll, h.handle, weight.handle, labels.handle, options.invN, options.chunk, options.scale, options.cap, options.smoothing, options.zLoss, options.needDh, options.rowWeight?.handle, options.dweight?.handle));
  return [made(made0), made(made1), made(made2)];
}

const $headDistil = operator('anneal::head_distil(Tensor h, Tensor weight, Tensor labels, Tensor ids, Tensor log_q, *, float inv_n=1., int chunk=0, float cap=0., float mix=1., float temperature=1., Tensor(a!)? dweight=None) -> (Tensor nll, Tensor divergence, Tensor sums, Tensor dh)');
export function headDistil(h: Tensor, weight: Tensor, labels: Tensor, ids: Tensor, logQ: Tensor, options: { readonly invN?: number | undefined; readonly chunk?: number | bigint | undefined; readonly cap?: number | undefined; readonly mix?: number | undefined; readonly temperature?: number | undefined; readonly dweight?: Tensor | null | undefined } = {}): [nll: Tensor, divergence: Tensor, sums: Tensor, dh: Tensor] {
  const [made0, made1, made2, made3] = results(call($headDistil, h.handle, weight.handle, labels.handle, ids.handle, logQ.handle, options.invN, options.chunk, options.cap, options.mix, options.temperature, options.dweight?.handle));
  return [made(made0), made(made1), made(made2), made(made3)];
}

const $headTop = operator('anneal::head_top(Tensor h, Tensor weight, int k, *, int chunk=0, float cap=0., float temperature=1.) -> (Tensor ids, Tensor log_q)');
export function headTop(h: Tensor, weight: Tensor, k: number | bigint, options: { readonly chunk?: number | bigint | undefined; readonly cap?: number | undefined; readonly temperature?: number | undefined } = {}): [ids: Tensor, log_q: Tensor] {
  const [made0, made1] = results(call($headTop, h.handle, weight.handle, k, options.chunk, options.cap, options.temperature));
  return [made(made0), made(made1)];
}

const $loraLinear = operator('anneal::lora_linear(Tensor x, Tensor weight, Tensor? bias, Tensor a, Tensor b, float scale, Tensor? dropped=None) -> Tensor');
export function loraLinear(x: Tensor, weight: Tensor, bias: Tensor | null, a: Tensor, b: Tensor, scale: number, dropped?: Tensor | null): Tensor {
  return made(call($loraLinear, x.handle, weight.handle, bias?.handle, a.handle, b.handle, scale, dropped?.handle));
}

const $loraLinearGroup = operator('anneal::lora_linear_group(Tensor x, Tensor[] weights, Tensor?[] biases, Tensor?[] a, Tensor?[] b, float[] scales, Tensor? dropped=None) -> Tensor[]');
export function loraLinearGroup(x: Tensor, weights: readonly Tensor[], biases: readonly (Tensor | null)[], a: readonly (Tensor | null)[], b: readonly (Tensor | null)[], scales: readonly number[], dropped?: Tensor | null): Tensor[] {
  return madeList(call($loraLinearGroup, x.handle, handlesOf(weights), optionalHandlesOf(biases), optionalHandlesOf(a), optionalHandlesOf(b), scales, dropped?.handle));
}

const $linearGroup = operator('anneal::linear_group(Tensor x, Tensor[] weights, Tensor?[] biases) -> Tensor[]');
export function linearGroup(x: Tensor, weights: readonly Tensor[], biases: readonly (Tensor | null)[]): Tensor[] {
  return madeList(call($linearGroup, x.handle, handlesOf(weights), optionalHandlesOf(biases)));
}

const $factorProduct = operator('anneal::factor_product(Tensor a, Tensor b) -> Tensor');
export function factorProduct(a: Tensor, b: Tensor): Tensor {
  return made(call($factorProduct, a.handle, b.handle));
}

const $orthonormalDistance = operator('anneal::orthonormal_distance(Tensor rows, Tensor? of=None) -> Tensor');
export function orthonormalDistance(rows: Tensor, of?: Tensor | null): Tensor {
  return made(call($orthonormalDistance, rows.handle, of?.handle));
}

const $addLowRank_ = operator('anneal::add_low_rank_(Tensor(a!) y, Tensor x, Tensor[] a, Tensor[] b, int[] rows) -> Tensor(a!)');
export function addLowRank_(y: Tensor, x: Tensor, a: readonly Tensor[], b: readonly Tensor[], rows: readonly (number | bigint)[]): Tensor {
  call($addLowRank_, y.handle, x.handle, handlesOf(a), handlesOf(b), rows);
  return y;
}

const $sampledProduct = operator('anneal::sampled_product(Tensor dy, Tensor x, Tensor index) -> Tensor');
export function sampledProduct(dy: Tensor, x: Tensor, index: Tensor): Tensor {
  return made(call($sampledProduct, dy.handle, x.handle, index.handle));
}

const $normLinearGroup = operator('anneal::norm_linear_group(Tensor stream, Tensor norm, float eps, float offset, Tensor[] weights, Tensor?[] biases, Tensor?[] a, Tensor?[] b, float[] scales) -> Tensor[]');
export function normLinearGroup(stream: Tensor, norm: Tensor, eps: number, offset: number, weights: readonly Tensor[], biases: readonly (Tensor | null)[], a: readonly (Tensor | null)[], b: readonly (Tensor | null)[], scales: readonly number[]): Tensor[] {
  return madeList(call($normLinearGroup, stream.handle, norm.handle, eps, offset, handlesOf(weights), optionalHandlesOf(biases), optionalHandlesOf(a), optionalHandlesOf(b), scales));
}

const $swigluLinear = operator('anneal::swiglu_linear(Tensor gate, Tensor up, int activation, Tensor weight, Tensor? bias, Tensor?[] a, Tensor?[] b, float[] scales) -> Tensor');
export function swigluLinear(gate: Tensor, up: Tensor, activation: number | bigint, weight: Tensor, bias: Tensor | null, a: readonly (Tensor | null)[], b: readonly (Tensor | null)[], scales: readonly number[]): Tensor {
  return made(call($swigluLinear, gate.handle, up.handle, activation, weight.handle, bias?.handle, optionalHandlesOf(a), optionalHandlesOf(b), scales));
}

const $stochasticRound_ = operator('anneal::stochastic_round_(Tensor(a!) bf16_out, Tensor fp32_in, int seed, int offset) -> Tensor(a!)');
export function stochasticRound_(bf16Out: Tensor, fp32In: Tensor, seed: number | bigint, offset: number | bigint): Tensor {
  call($stochasticRound_, bf16Out.handle, fp32In.handle, seed, offset);
  return bf16Out;
}

const $adamw8bit_ = operator('anneal::adamw8bit_(Tensor(a!) param, Tensor grad, Tensor(b!) m_codes, Tensor(c!) m_absmax, Tensor(d!) v_codes, Tensor(e!) v_absmax, Tensor map_signed, Tensor map_unsigned, *, float lr, float beta1, float beta2, float eps, float weight_decay, int step, float grad_scale=1., int? rounding_key=None) -> ()');
export function adamw8bit_(param: Tensor, grad: Tensor, mCodes: Tensor, mAbsmax: Tensor, vCodes: Tensor, vAbsmax: Tensor, mapSigned: Tensor, mapUnsigned: Tensor, options: { readonly lr: number; readonly beta1: number; readonly beta2: number; readonly eps: number; readonly weightDecay: number; readonly step: number | bigint; readonly gradScale?: number | undefined; readonly roundingKey?: number | bigint | null | undefined }): void {
  call($adamw8bit_, param.handle, grad.handle, mCodes.handle, mAbsmax.handle, vCodes.handle, vAbsmax.handle, mapSigned.handle, mapUnsigned.handle, options.lr, options.beta1, options.beta2, options.eps, options.weightDecay, options.step, options.gradScale, options.roundingKey);
}

const $ggufDequantize = operator('anneal::gguf_dequantize(Tensor blocks, int type, int numel, *, ScalarType dtype) -> Tensor');
export function ggufDequantize(blocks: Tensor, type: number | bigint, numel: number | bigint, options: { readonly dtype: DType }): Tensor {
  return made(call($ggufDequantize, blocks.handle, type, numel, dtypeCode(options.dtype)));
}

const $ggufQuantize = operator('anneal::gguf_quantize(Tensor input, int type, Tensor? importance=None) -> Tensor');
export function ggufQuantize(input: Tensor, type: number | bigint, importance?: Tensor | null): Tensor {
  return made(call($ggufQuantize, input.handle, type, importance?.handle));
}

const $quantizeWeight = operator('anneal::quantize_weight(Tensor weight, int format, int group, bool symmetric=False) -> Tensor');
export function quantizeWeight(weight: Tensor, format: number | bigint, group: number | bigint, symmetric?: boolean): Tensor {
  return made(call($quantizeWeight, weight.handle, format, group, symmetric));
}

const $dequantizeWeight = operator('anneal::dequantize_weight(Tensor weight, *, ScalarType dtype, int first=0, int? count=None) -> Tensor');
export function dequantizeWeight(weight: Tensor, options: { readonly dtype: DType; readonly first?: number | bigint | undefined; readonly count?: number | bigint | null | undefined }): Tensor {
  return made(call($dequantizeWeight, weight.handle, dtypeCode(options.dtype), options.first, options.count));
}

const $quantizedParts = operator('anneal::quantized_parts(Tensor weight) -> Tensor[]');
export function quantizedParts(weight: Tensor): Tensor[] {
  return madeList(call($quantizedParts, weight.handle));
}

const $affineCode_ = operator('anneal::affine_code_(Tensor(a!) codes, Tensor(b!) scales, Tensor(c!) zeros, Tensor x, int bits, int? key=None) -> Tensor(a!)');
export function affineCode_(codes: Tensor, scales: Tensor, zeros: Tensor, x: Tensor, bits: number | bigint, key?: number | bigint | null): Tensor {
  call($affineCode_, codes.handle, scales.handle, zeros.handle, x.handle, bits, key);
  return codes;
}

const $affineDecode = operator('anneal::affine_decode(Tensor codes, Tensor scales, Tensor zeros, int columns, bool in_halves=False, *, ScalarType dtype) -> Tensor');
export function affineDecode(codes: Tensor, scales: Tensor, zeros: Tensor, columns: number | bigint, inHalves: boolean | undefined, options: { readonly dtype: DType }): Tensor {
  return made(call($affineDecode, codes.handle, scales.handle, zeros.handle, columns, inHalves, dtypeCode(options.dtype)));
}

const $affineAddProduct_ = operator('anneal::affine_add_product_(Tensor(a!) codes, Tensor(b!) scales, Tensor(c!) zeros, Tensor left, Tensor right, float alpha, float kept, int key) -> Tensor(a!)');
export function affineAddProduct_(codes: Tensor, scales: Tensor, zeros: Tensor, left: Tensor, right: Tensor, alpha: number, kept: number, key: number | bigint): Tensor {
  call($affineAddProduct_, codes.handle, scales.handle, zeros.handle, left.handle, right.handle, alpha, kept, key);
  return codes;
}

const $codebookDecode = operator('anneal::codebook_decode(Tensor codes, Tensor codebooks, Tensor scales, *, ScalarType dtype) -> Tensor');
export function codebookDecode(codes: Tensor, codebooks: Tensor, scales: Tensor, options: { readonly dtype: DType }): Tensor {
  return made(call($codebookDecode, codes.handle, codebooks.handle, scales.handle, dtypeCode(options.dtype)));
}

const $codebookGradient = operator('anneal::codebook_gradient(Tensor codes, Tensor codebooks, Tensor scales, Tensor gradient) -> (Tensor, Tensor)');
export function codebookGradient(codes: Tensor, codebooks: Tensor, scales: Tensor, gradient: Tensor): [result0: Tensor, result1: Tensor] {
  const [made0, made1] = results(call($codebookGradient, codes.handle, codebooks.handle, scales.handle, gradient.handle));
  return [made(made0), made(made1)];
}

const $codebookSearch = operator('anneal::codebook_search(Tensor targets, Tensor codebooks, Tensor codes, int[] order, int beam) -> Tensor');
export function codebookSearch(targets: Tensor, codebooks: Tensor, codes: Tensor, order: readonly (number | bigint)[], beam: number | bigint): Tensor {
  return made(call($codebookSearch, targets.handle, codebooks.handle, codes.handle, order, beam));
}

const $gptqSweep = operator('anneal::gptq_sweep(Tensor weight, Tensor(a!) codes, Tensor scales, Tensor zeros, Tensor factor, int first, int count, int group, int largest) -> Tensor');
export function gptqSweep(weight: Tensor, codes: Tensor, scales: Tensor, zeros: Tensor, factor: Tensor, first: number | bigint, count: number | bigint, group: number | bigint, largest: number | bigint): Tensor {
  return made(call($gptqSweep, weight.handle, codes.handle, scales.handle, zeros.handle, factor.handle, first, count, group, largest));
}

const $rotateRows = operator('anneal::rotate_rows(Tensor x, int kind, *, bool transposed=False, ScalarType? dtype=None) -> Tensor');
export function rotateRows(x: Tensor, kind: number | bigint, options: { readonly transposed?: boolean | undefined; readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($rotateRows, x.handle, kind, options.transposed, options.dtype && dtypeCode(options.dtype)));
}

const $rotateTokens = operator('anneal::rotate_tokens(Tensor x, int block, int rows, *, ScalarType? dtype=None) -> Tensor');
export function rotateTokens(x: Tensor, block: number | bigint, rows: number | bigint, options: { readonly dtype?: DType | null | undefined } = {}): Tensor {
  return made(call($rotateTokens, x.handle, block, rows, options.dtype && dtypeCode(options.dtype)));
}

const $quantizeRotated = operator('anneal::quantize_rotated(Tensor x, int format, int kind=0, int block=0) -> (Tensor codes, Tensor scale)');
export function quantizeRotated(x: Tensor, format: number | bigint, kind?: number | bigint, block?: number | bigint): [codes: Tensor, scale: Tensor] {
  const [made0, made1] = results(call($quantizeRotated, x.handle, format, kind, block));
  return [made(made0), made(made1)];
}

const $haloLinearGroup = operator('anneal::halo_linear_group(Tensor x, Tensor[] weights, Tensor[] codes, Tensor[] scales, Tensor?[] biases, int level, int format, bool reuse, int kind, int block) -> Tensor[]');
export function haloLinearGroup(x: Tensor, weights: readonly Tensor[], codes: readonly Tensor[], scales: readonly Tensor[], biases: readonly (Tensor | null)[], level: number | bigint, format: number | bigint, reuse: boolean, kind: number | bigint, block: number | bigint): Tensor[] {
  return madeList(call($haloLinearGroup, x.handle, handlesOf(weights), handlesOf(codes), handlesOf(scales), optionalHandlesOf(biases), level, format, reuse, kind, block));
}

const $quantizeFp4 = operator('anneal::quantize_fp4(Tensor x, int format, *, bool columns=False, bool square=False, int? signs=None, int? key=None, int site=0) -> (Tensor codes, Tensor scales, Tensor tensor_scale)');
export function quantizeFp4(x: Tensor, format: number | bigint, options: { readonly columns?: boolean | undefined; readonly square?: boolean | undefined; readonly signs?: number | bigint | null | undefined; readonly key?: number | bigint | null | undefined; readonly site?: number | bigint | undefined } = {}): [codes: Tensor, scales: Tensor, tensor_scale: Tensor] {
  const [made0, made1, made2] = results(call($quantizeFp4, x.handle, format, options.columns, options.square, options.signs, options.key, options.site));
  return [made(made0), made(made1), made(made2)];
}

const $dequantizeFp4 = operator('anneal::dequantize_fp4(Tensor codes, Tensor scales, *, ScalarType dtype) -> Tensor');
export function dequantizeFp4(codes: Tensor, scales: Tensor, options: { readonly dtype: DType }): Tensor {
  return made(call($dequantizeFp4, codes.handle, scales.handle, dtypeCode(options.dtype)));
}

const $fp4LinearGroup = operator('anneal::fp4_linear_group(Tensor x, Tensor[] weights, Tensor[] codes, Tensor[] scales, Tensor[] tensor_scales, Tensor?[] biases, int format, int signs, int[] keys) -> Tensor[]');
export function fp4LinearGroup(x: Tensor, weights: readonly Tensor[], codes: readonly Tensor[], scales: readonly Tensor[], tensorScales: readonly Tensor[], biases: readonly (Tensor | null)[], format: number | bigint, signs: number | bigint, keys: readonly (number | bigint)[]): Tensor[] {
  return madeList(call($fp4LinearGroup, x.handle, handlesOf(weights), handlesOf(codes), handlesOf(scales), handlesOf(tensorScales), optionalHandlesOf(biases), format, signs, keys));
}

confirmOperators();
