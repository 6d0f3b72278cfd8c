module github.com/sallyport/sallyport/test

go 1.26

require (
	github.com/aws/aws-sdk-go-v2 v1.47.5
	github.com/coder/websocket v1.8.15
)

require github.com/aws/smithy-go v1.28.7 // indirect
