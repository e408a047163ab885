internal import NIOPosix
internal import NIOSSL
internal import X509
internal import Logging
