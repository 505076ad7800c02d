// Declared by hand: see ../../README.md.
#pragma once
