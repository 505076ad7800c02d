// JavaScript values ↔ dispatcher values, by the kind of the schema's argument.
#pragma once

#include "call.h"

namespace anneal {

// undefined → the schema's default; null → None.
c10::IValue to_ivalue(const Call& call, const Parameter& parameter, napi_value value);

// Tensors become handles of the innermost scope, an undefined tensor null, lists arrays.
napi_value to_javascript(const Call& call, const c10::IValue& value);

} // namespace anneal
