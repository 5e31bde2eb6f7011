// S3 and what it needs to sign its requests: the SDK as a whole is twenty times larger.
require("aws-sdk/lib/node_loader");
const AWS = require("aws-sdk/lib/core");
const services = require("aws-sdk/apis/metadata.json");

AWS.S3 = require("aws-sdk/clients/s3");
AWS.STS = require("aws-sdk/clients/sts");

// The others say what is the matter; not to those who only go through the names.
for (const { name } of Object.values(services)) {
  if (name in AWS) continue;
  Object.defineProperty(AWS, name, {
    get() {
      throw new Error(`AWS.${name} is not available to plugins: of aws-sdk there are S3 and STS`);
    },
  });
}
module.exports = AWS;
