// In place of @protobufjs/inquire, whose require no bundler sees: without `long`, 64-bit numbers
// would be given out as floating-point ones.
module.exports = (name) => name === "long" ? require("long") : null;
