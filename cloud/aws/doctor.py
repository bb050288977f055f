"""Checks of the AWS account: identity, buckets, role and image for `meshtwin up --profile sagemaker`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.cloud.check import Check, fail, ok, warn
from meshtwin.cloud.clients import Clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.profiles import Profile

_TRUST = (
    '\'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}\''
)
_NOT_THERE = 404


def account_checks(profile: Profile) -> Iterator[Check]:
    """All checks of the account; those that need credentials are left out where there are none."""
    yield ok("region", f"{profile.region} (AWS_REGION)")
    yield from _buckets_named(profile)
    aws = Clients(profile)
    credentials = _credentials(aws)
    yield credentials
    if credentials.level == "ok":
        yield from _buckets_exist(profile, aws)
        yield _role(profile, aws)
        yield _image(profile, aws)


def _credentials(aws: Clients) -> Check:
    name = "credentials"
    try:
        found = aws.other("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return fail(name, str(error), "aws configure sso, aws login, or export AWS_ACCESS_KEY_ID=...")
    return ok(name, str(found["Arn"]))


def _buckets_named(profile: Profile) -> Iterator[Check]:
    for variable, bucket in profile.names.buckets().items():
        if not bucket:
            found = "not set: bucket names are global on AWS, so there is no default"
            yield fail(variable, found, f"export {variable}=a-name-of-your-own")


def _buckets_exist(profile: Profile, aws: Clients) -> Iterator[Check]:
    client = aws.s3
    for bucket in dict.fromkeys(name for name in profile.names.buckets().values() if name):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_THERE:
                yield ok(f"bucket {bucket}", "missing: `meshtwin up` creates it")
            else:
                yield fail(
                    f"bucket {bucket}",
                    f"owned by another account, or no access: {error}",
                    "choose another name",
                )
        else:
            yield ok(f"bucket {bucket}", "exists")


def _role(profile: Profile, aws: Clients) -> Check:
    role = profile.names.execution_role_name
    name = f"role {role}"
    create = f"aws iam create-role --role-name {role} --assume-role-policy-document {_TRUST}"
    try:
        found = aws.other("iam").get_role(RoleName=role)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            return fail(name, "missing", create)
        return warn(name, f"cannot be checked: {error}")
    return ok(name, str(found["Role"]["Arn"]))


def _image(profile: Profile, aws: Clients) -> Check:
    repository = profile.names.ecr_repo
    name = f"image {repository}:latest in ECR"
    account = aws.other("sts").get_caller_identity()["Account"]
    registry = f"{account}.dkr.ecr.{profile.region}.amazonaws.com"
    image = f"{registry}/{repository}:latest"
    push = f"docker tag {repository}:latest {image} && docker push {image}"
    try:
        client = aws.other("ecr")
        client.describe_images(repositoryName=repository, imageIds=[{"imageTag": "latest"}])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "RepositoryNotFoundException":
            return fail(
                name,
                "no such repository",
                f"aws ecr create-repository --repository-name {repository} && {push}",
            )
        if code == "ImageNotFoundException":
            return fail(name, "the repository has no such tag", push)
        return warn(name, f"cannot be checked: {error}")
    return ok(name, image)
